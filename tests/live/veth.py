"""Live capture over a veth pair in namespaces of our own: alerts, the account of packets, the signals."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import *  # noqa: E402,F403

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def sensor(net, *args, **more):
    return subprocess.Popen(net.at(net.b, LEAKTAP, "run", "-i", net.dev, *args), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **more)


def ready(p):
    """The sensor said that it watches; what it said before, when it then ended instead, is the error."""
    said = []
    for line in p.stderr:
        if "watching" in line:
            return
        said.append(line)
    raise AssertionError("the sensor did not begin: " + "".join(said))


def talk(net, count, host="api.openai.com"):
    with process(net.at(net.b, "/usr/bin/python3", HERE + "/http_server.py", net.SERVER, "80")):
        def up():
            out = subprocess.run(net.at(net.b, "cat", "/proc/net/tcp"), stdout=subprocess.PIPE, text=True).stdout
            return ":0050 00000000:0000 0A" in out
        until(10, "the server listens", up)
        subprocess.run(net.at(net.a, "/usr/bin/python3", HERE + "/http_client.py", net.SERVER, "80", host, str(count)),
                       check=True, timeout=60)


def stop(p):
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=30)
    equal(p.returncode, 0, "exit status after SIGTERM: " + err[-500:])
    return out, err


def main():
    with case("alerts of live traffic, and every packet accounted for"), Net() as net:
        p = sensor(net, "--flows")
        ready(p)
        talk(net, 5)
        time.sleep(0.5)
        out, err = stop(p)
        got = records(out)
        sensitive = [r for r in got if r["type"] == "alert" and r["kind"] == "payload.sensitive"]
        equal(len(sensitive), 5, "payload alerts")
        true(all("glpat-" not in str(r).replace("glpat-*", "") for r in sensitive), "a secret left in the clear")
        equal(sensitive[0]["findings"][0]["field"], "messages[0].content", "field")
        flows = [r for r in got if r["type"] == "flow" and r["destination"]["port"] == 80]
        equal(len(flows), 1, "flows")
        equal(flows[0]["service"]["id"], "openai-api", "service")
        equal(err.count(": balanced"), 3, "balanced accounts in: " + err)
    with case("two workers share an interface"), Net() as net:
        p = sensor(net, "-w", "2")
        ready(p)
        talk(net, 600)
        time.sleep(0.5)
        out, err = stop(p)
        equal(len([r for r in records(out) if r["kind"] == "payload.sensitive"]), 600, "payload alerts")
        equal(err.count(": balanced"), 3, "balanced accounts in: " + err)
    with case("an alert comes while the sensor runs, not only at its end"), Net() as net:
        p = sensor(net)
        ready(p)
        talk(net, 1)
        line = next((line for line in p.stdout if '"type":"alert"' in line), "")
        true(p.poll() is None, "the sensor ended")
        true('"kind"' in line, f"no alert: {line!r}")
        stop(p)
    with case("a second signal ends without draining"), Net() as net:
        p = sensor(net, "-o", "unix:///nonexistent/redis.sock")
        ready(p)
        talk(net, 3)
        p.send_signal(signal.SIGTERM)  # draining waits for Redis, which is not there
        time.sleep(0.4)
        p.send_signal(signal.SIGTERM)
        _, err = p.communicate(timeout=60)
        equal(p.returncode, 1, "exit status")
        true("packets " not in err, "it drained and printed its account: " + err)
    with case("an interface that is not there is one clear line"):
        _, err = leaktap("run", "-i", "nosuch0", ok=2)
        equal(len(err.strip().splitlines()), 1, "lines of: " + err)
        true("nosuch0" in err, "the name is missing: " + err)
    finish()


main()
