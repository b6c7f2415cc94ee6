"""What analysts do: alerts taken by one of them, false positives and the rule they lead to, suppressed alerts,
rules read again on SIGHUP."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, equal, true

CAPTURE = os.path.join(lib.TOP, "tests/captures/demo/capture.pcap")


def watch(server, *args, ok=0):
    return lib.leaktap("watch", "--redis", server.url, *args, ok=ok)


def settings(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    return path


BASE = "sensor: {name: p1}\nalerts:\n  redis: %s\n"


def alerts(server):
    out, _ = watch(server, "--no-follow", "--json", "--suppressed")
    return [r for r in map(json.loads, out.splitlines()) if r["type"] == "alert"]


def replay(folder, server, name, more=""):
    path = settings(folder, name, BASE % server.url + f"  spool: {{directory: {folder}/log}}\n" + more)
    lib.leaktap("run", "-q", "-c", path, "-r", CAPTURE)
    return path


def main():
    with lib.folder() as folder, lib.Redis(folder) as server:
        replay(folder, server, "plain.yaml")
        every = alerts(server)
        with case("an alert has one owner"):
            true(len(every) > 10, "alerts to work on")
            for alert in (every[0], every[len(every) // 2], every[-1]):
                out, _ = watch(server, "--ack", alert["id"], "--by", "anna", "--note", "looking at \"it\"\n")
                true(alert["id"] + ": taken by anna" in out, out)
                _, err = watch(server, "--ack", alert["id"], "--by", "ben", ok=1)
                true("anna has it since" in err and "looking at" in err, err)
                watch(server, "--ack", alert["id"], "--by", "anna", "--note", "still")
                _, err = watch(server, "--false-positive", alert["id"], "--by", "ben", ok=1)
                true("anna has it" in err and "still" in err, err)
                out, _ = watch(server, "--ack", alert["id"], "--by", "anna")
                true("before: anna has it since" in out and "(taken): still" in out, out)
        with case("marks are shown to everybody who watches"):
            out, _ = watch(server, "--no-follow")
            equal(out.count("taken by anna"), 9, "marks")
            lines = [json.loads(line) for line in watch(server, "--no-follow", "--json")[0].splitlines()]
            marks = [r for r in lines if r["type"] == "mark"]
            equal([m["state"] for m in marks], ["taken"] * 9, "states")
            equal(marks[0]["note"], "looking at \"it\"\n", "the note")
            equal(len(watch(server, "--no-follow", "--json", "--count", "3")[0].splitlines()), 3, "marks do not count")
        with case("what cannot be marked"):
            for alert in ("p1-replay/999999", "p1-replay/0", "nobody/1"):
                true("no alert" in watch(server, "--ack", alert, ok=1)[1], alert)
            for args in (["--ack", "17"], ["--ack", "a/b"], ["--ack", "/1"], ["--note", "x"],
                         ["--ack", "a/1", "--false-positive", "a/1"], ["--ack", "a/1", "--by", ""],
                         ["--ack", "a/1", "--note", "x" * 5000]):
                watch(server, *args, ok=2)
        with case("a false positive offers the rule that would have suppressed it"):
            victim = next(a for a in every if a["kind"] == "payload.sensitive")
            out, _ = watch(server, "--false-positive", victim["id"], "--by", "anna", "--note", "a test: \"value\"")
            rule = out[out.index("  - id:"):]
            path = replay(folder, server, "rule.yaml", "  suppress:\n" + rule)
            lib.leaktap("check", "-c", path)
            after = alerts(server)[len(every):]
            equal(len(after), len(every), "nothing is lost")
            quiet = [a for a in after if "suppressed" in a]
            true(0 < len(quiet) < len(every), "some are suppressed, not all")
            true(any(a["summary"] == victim["summary"] for a in quiet), "the one that was marked among them")
            for a in quiet:
                equal(a["suppressed"]["owner"], "anna", "owner")
                equal(a["suppressed"]["reason"], "a test: \"value\"", "reason")
            out, _ = watch(server, "--no-follow", "--json")
            shown = [r for r in map(json.loads, out.splitlines()) if r["type"] == "alert"]
            equal(len(shown), 2 * len(every) - len(quiet), "suppressed alerts are not shown")
            equal(watch(server, "--no-follow", "--suppressed")[0].count("quiet  by rule"), len(quiet), "but on request")
        with case("no rule is offered that fits more than what was looked at"):
            def alert(stream, index, **more):
                record = dict({"type": "alert", "sensor": "x1", "id": f"x1/{index}", "kind": "payload.sensitive",
                               "severity": "high", "summary": "s"}, **more)
                server.ask("XADD", "leaktap:{x1}:" + stream, f"1000-{index}", "json", json.dumps(record))
                return record["id"]

            def found(*details):
                return [dict({"detector": d, "class": c, "field": f"messages[{i}]"}) for i, (d, c) in enumerate(details)]

            test = alert("alerts", 1, test=1)
            true("test alert" in watch(server, "--false-positive", test, ok=1)[1], "a test alert")
            true("taken by" in watch(server, "--ack", test)[0], "it can be taken")
            for index, more in enumerate((
                    {}, {"service": {"id": "openai-api"}, "source": {"ip": "10.1.1.1"}},
                    {"findings": found(("github-pat", "secret"), ("payment-card", "financial"))},
                    {"findings": found(("github-pat", "secret")), "findings_more": 3},
                    {"kind": "posture.tls"}), 2):
                out, _ = watch(server, "--false-positive", alert("alerts", index, **more))
                true("No rule is narrow enough" in out and "  - id" not in out, out)
            out, _ = watch(server, "--false-positive", alert("alerts", 7, source={"ip": "10.1.1.1"}, findings=found(
                ("github-pat", "secret"), ("aws-access-key", "secret"))))
            true("class: \"secret\"" in out and "sources: [\"10.1.1.1\"]" in out and "detector:" not in out, out)
            sick = alert("health", 9, type="sensor", kind="sensor.drops", state="began")
            true("taken by" in watch(server, "--ack", sick)[0], "what a sensor tells of itself")
            out, _ = watch(server, "--false-positive", sick)
            true("(taken)" in out and "No rule is narrow enough" in out, out)
            path = settings(folder, "wide.yaml", BASE % server.url + "  suppress:\n  - {id: a, reason: b, owner: c, "
                            "until: 2099-01-01, kind: payload.sensitive}\n")
            true("every leak" in lib.leaktap("check", "-c", path, ok=2)[1], "check")
        with case("a rule that has ended suppresses nothing"):
            text = rule.replace(rule[rule.index("until: "):rule.index("until: ") + 17], "until: 2026-01-01")
            before = len(alerts(server))
            replay(folder, server, "ended.yaml", "  suppress:\n" + text)
            true(not any("suppressed" in a for a in alerts(server)[before:]), "the alerts are back")
    lib.finish()


main()
