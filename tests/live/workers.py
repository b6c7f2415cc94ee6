"""Several workers share a live port: whatever a recording comes wrapped in, all of a flow meets in one of them, so
that the records are those of a replay."""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import *  # noqa: E402,F403

WORKERS = 3
DEMO = os.path.join(TOP, "tests/captures/demo/capture.pcap")
# nobody is under contract, so that the records do not depend on the day
SETTINGS = "networks: {internal: [10.0.0.0/8]}\nlimits: {copies: 0}\nhealth: {heartbeat_s: 0}\n"
# a choice, for the time it takes; tests/captures/encapsulated.py has the program decide on all of them
WRAPPINGS = ["", "qinq", "mpls", "gre-all", "erspan3", "vxlan6", "gtpu-extended", "qinq,erspan2,vxlan,vlan", "fragment=400",
             "vxlan,fragment=400"]
# the program cannot see into fragments of a tunnel's own packets, nor so deep: workers hand the packets to each other
HANDED_ON = ["fragment=600,geneve", "fragment=304,vxlan6", "vxlan,geneve,gre,ip-in-ip6"]
MTU = 65535


def strip(value, *more):
    """What a record says but for when."""
    if isinstance(value, dict):
        return {k: strip(v, *more) for k, v in value.items()
                if k not in more and k not in ("id", "logged", "ordinal", "updates", "time", "sensor", "start", "end", "ended_by", "flow", "flows",
                             "first_use")}  # which of two workers tells first is chance
    return [strip(v, *more) for v in value] if isinstance(value, list) else value


def texts(out, *more):
    return sorted(json.dumps(strip(r, *more), sort_keys=True) for r in records(out))


def live(net, settings, capture, every):
    """(stdout, stderr) of a sensor that heard the capture's frames, so many between two pauses."""
    p = subprocess.Popen(net.at(net.b, LEAKTAP, "run", "-c", settings, "-i", net.dev, "-w", str(WORKERS), "--flows"),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if "watching" in line:
            break
    subprocess.run(net.at(net.a, sys.executable, os.path.join(TOP, "tests/packet_sender.py"), capture, net.tag + "v", str(every)),
                   check=True, timeout=60)
    time.sleep(0.3)
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=30)
    equal(p.returncode, 0, "exit status after SIGTERM: " + err[-500:])
    return out, err


def main():
    with folder() as directory, Net() as net:
        settings = os.path.join(directory, "leaktap.yaml")
        with open(settings, "w") as f:
            f.write(SETTINGS)
        for ns, dev in ((net.a, net.tag + "v"), (net.b, net.dev)):
            net.ip("-n", ns, "link", "set", dev, "mtu", str(MTU))
        for layers in WRAPPINGS + HANDED_ON:
            capture = os.path.join(directory, "wrapped.pcap")
            subprocess.run([os.path.join(TOP, "scripts/wrap-capture"), DEMO, capture, "--as", layers], check=True)
            with case(f"{WORKERS} workers, live, tell what a replay tells: {layers or 'plain'}"):
                replay, _ = leaktap("run", "-c", settings, "-r", capture, "--flows")
                # what goes through another worker comes up to 10 ms late: not so much is sent in that time, but a TLS
                # handshake goes by, so that answers may come before what they answer
                less = ["app"] if layers in HANDED_ON else []
                out, err = live(net, settings, capture, 5 if layers in HANDED_ON else 50)
                want, got = texts(replay, *less), texts(out, *less)
                missing, extra = [w for w in want if w not in got], [g for g in got if g not in want]
                true(got == want, f"{len(got)} records of {len(want)}; missing {str(missing[:1])[:300]} extra {str(extra[:1])[:300]}")
                equal(err.count(": balanced"), 3, "balanced accounts in: " + err)
                shared = re.search(r"^workers +(\d+), of (\d+) packets the busiest had (\d+)(.*)$", err, re.M)
                true(shared, "no line on the workers: " + err)
                equal((int(shared[1]), "handed" in shared[4], "memory" in shared[4]), (WORKERS, layers in HANDED_ON, False),
                      "the workers: " + shared[0])
                true(int(shared[3]) < 0.8 * int(shared[2]), "one worker had them all: " + shared[0])
    finish()


whole(main)
