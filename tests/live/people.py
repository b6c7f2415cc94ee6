"""A running sensor: asked for a test alert, and its rules read again on SIGHUP."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, equal, true, until

LEAK = ("import socket; s = socket.create_connection(('%s', 80), 5); b = b'{\"messages\":[{\"content\":\"%%s\"}]}'; "
        "s.sendall(b'POST /v1/chat/completions HTTP/1.1\\r\\nHost: api.openai.com\\r\\nConnection: close\\r\\nContent-Length: "
        "%%%%d\\r\\n\\r\\n' %%%% len(b) + b); s.recv(100)")
SERVER = ("import socket; s = socket.create_server(('%s', 80)); print('ready', flush=True)\nwhile True:\n c, _ = s.accept(); "
          "c.recv(9999); c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n'); c.close()")
# in two parts, so that scanners of source code stay calm
TOKENS = ["ghp_" + t for t in ("gwU2jGiD6cqaes9dqFEtGdM199c6cM0hIozJ", "r9oWXyY0bKhSRBorW54ttpIAWKMN8v0lZ2ZX",
                               "YDT0FKfdzwney8Z5mHMtVecLyqH1yr0Bog5F")]
RULE = """  suppress:
  - {id: known, reason: a canary, owner: secops, until: 2099-12-31, detector: github-pat}
"""


def main():
    with lib.folder() as folder, lib.Redis(folder) as server, lib.Net() as net:
        path = os.path.join(folder, "leaktap.yaml")
        base = (f"sensor: {{name: p2}}\nnetworks: {{internal: [{net.CLIENT}/32]}}\n"
                f"alerts:\n  redis: {server.url}\n  spool: {{directory: {folder}/log}}\n")

        def write(text):
            with open(path, "w") as f:
                f.write(base + text)

        def alerts():
            return [json.loads(f["json"]) for _, f in server.stream("leaktap:{p2}:alerts")]

        def payloads(n):
            def probe():
                found = [a for a in alerts() if a["kind"] == "payload.sensitive" and "test" not in a]
                return found if len(found) >= n else None
            return until(20, f"{n} alerts in Redis", probe)

        write("")
        with case("without a sensor nobody can be asked"):
            _, err = lib.leaktap("test-alert", "-c", path, ok=1)
            true("no sensor `p2' is running" in err, err)
        err_path = os.path.join(folder, "stderr")
        with lib.process(net.at(net.b, sys.executable, "-c", SERVER % net.SERVER), stdout=subprocess.PIPE, text=True) as web, \
                open(err_path, "w") as err_file, \
                lib.process(net.at(net.b, lib.LEAKTAP, "run", "-c", path, "-i", net.dev), stderr=err_file) as sensor:
            equal(web.stdout.readline(), "ready\n", "the server")
            until(20, "the sensor watches", lambda: "watching" in open(err_path).read())

            def leak(n):
                subprocess.run(net.at(net.a, sys.executable, "-c", LEAK % net.SERVER % TOKENS[n]), check=True, timeout=20)

            with case("a test alert goes the way of all alerts"):
                out, _ = lib.leaktap("test-alert", "-c", path, "--severity", "medium", "--wait", "20")
                equal(out.count("p2/"), 2, out)
                true("in the log after" in out and "in Redis" in out, out)
                tests = [a for a in alerts() if "test" in a]
                equal([a["severity"] for a in tests], ["medium"], "severity")
                true("nothing left the network" in tests[0]["summary"], tests[0]["summary"])
            with case("SIGHUP reads the rules again, all or nothing"):
                leak(0)
                true("suppressed" not in payloads(1)[-1], "no rule yet")
                write(RULE)
                os.kill(sensor.pid, signal.SIGHUP)
                until(20, "the rule is in force", lambda: "1 rule of alerts.suppress in force, 0 expired" in open(err_path).read())
                leak(1)
                equal(payloads(2)[-1]["suppressed"]["id"], "known", "the rule")
                write(RULE.replace("2099", "2020"))
                os.kill(sensor.pid, signal.SIGHUP)
                until(20, "the rule has expired", lambda: "0 rules of alerts.suppress in force, 1 expired" in open(err_path).read())
                write(RULE)
                os.kill(sensor.pid, signal.SIGHUP)
                until(20, "it is back", lambda: open(err_path).read().count("1 rule of alerts.suppress in force") == 2)
                write(RULE.replace("detector: github-pat", "kind: payload.sensitive"))
                os.kill(sensor.pid, signal.SIGHUP)
                until(20, "a rule for every leak is refused", lambda: "suppress every leak" in open(err_path).read())
                write(RULE.replace("known", "no such thing").replace("owner", "owned"))
                os.kill(sensor.pid, signal.SIGHUP)
                until(20, "the fault is told", lambda: open(err_path).read().count("nothing was changed") == 2)
                leak(2)
                equal(payloads(3)[-1]["suppressed"]["id"], "known", "the rule stays")
                fields = [f for _, f in server.stream("leaktap:{p2}:alerts") if "suppressed" in f]
                equal([f["suppressed"] for f in fields], ["known", "known"], "the stream's field")
            with case("wrong usage"):
                for args in (["--severity", "loud"], ["--wait", "0"], ["--wait"], ["x"]):
                    lib.leaktap("test-alert", *args, ok=2)
            sensor.send_signal(signal.SIGTERM)
            equal(sensor.wait(20), 0, "status of the sensor")
    lib.finish()


lib.whole(main)
