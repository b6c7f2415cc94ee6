#!/usr/bin/env python3
"""What docs/redis.md tells consumers, done: docs/examples/consumer.py and the commands printed in *Reading* against a
real server, while consumers die, the server is emptied or rolled back, and entries are lost.

    consumers.py ALERT_SOURCE [SCENARIO...]
"""
import glob
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from redis_lib import *  # noqa: E402,F403

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(TOP, "docs/examples/consumer.py")
SHORT = os.path.join(TOP, "docs/examples/consumer-short.py")
RATE = 1000
LONG = 60000
SCENARIOS = []


def scenario(f):
    SCENARIOS.append(f)
    return f


def until(what, probe, seconds=30):
    end = time.monotonic() + seconds
    while not probe():
        check(time.monotonic() < end, "not in time: " + what)
        time.sleep(0.1)


class Consumer:
    """The example; its group is siem, its database is shared by all of a test."""

    def __init__(self, t, server, name="one", **env):
        self.db, self.out = os.path.join(t.folder, "siem.db"), os.path.join(t.folder, name + ".out")
        self.argv = ["/usr/bin/python3", EXAMPLE, server.url, SENSOR, "siem", name, self.db]
        self.env = dict(os.environ, CLAIM_MS="1000", HOLE_S="3", **env)
        t.sources.append(self)  # ended with the test
        self.start()

    def start(self):
        self.p = subprocess.Popen(self.argv, env=self.env, stdout=open(self.out, "a"), stderr=subprocess.STDOUT)

    def kill(self):
        equal(self.p.poll(), None, "it runs: " + self.said()[-500:])
        self.p.kill()
        self.p.wait()

    def said(self):
        with open(self.out) as f:
            return f.read()

    def alarms(self):
        return re.findall(r"^ALARM (.*)$", self.said(), re.M)

    def rows(self, what):
        db = sqlite3.connect(self.db, timeout=30)
        try:
            return db.execute(what).fetchall()
        except sqlite3.OperationalError:
            return []  # no table yet
        finally:
            db.close()

    def count(self):
        rows = self.rows("SELECT count(*) FROM seen WHERE type='alert'")
        return rows[0][0] if rows else 0


def finish(t, src):
    stats = src.end(120)
    equal(stats["waiting"] + stats["lost_output"] + stats["lost_log"], 0, "waiting or lost: %s" % stats["log"])
    return log_lines(t.log), stats


def handled(consumers, log, kills=0):
    """Each record of the log was handled once: the database has it once, and it was printed once, but for those that
    were in the consumer's hand when it was killed."""
    want = [(milliseconds(rec["logged"]), i, rec["ordinal"]) for i, rec, _ in log if rec["type"] == "alert"]
    until("all of it is handled", lambda: consumers[0].count() >= len(want))
    got = consumers[0].rows("SELECT ms, seq, ordinal FROM seen WHERE type='alert' ORDER BY ms, seq")
    equal(got, want, "what was handled")
    printed = [x for c in consumers for x in re.findall(r"ALERT [a-z]+ (fra1/\d+) ", c.said())]  # a line may be cut by the kill
    odd = set(printed) ^ {"%s/%d" % (SENSOR, i) for _, i, _ in want}
    check(not odd, "printed, or not: %s" % sorted(odd)[:20])
    check(len(printed) - len(set(printed)) <= 100 * kills, "printed twice: %d" % (len(printed) - len(set(printed))))


def nothing_pending(s):
    r = Redis(s.path)
    until("nothing is in hand", lambda: r("XPENDING", key("alerts"), "siem")[0] == 0)
    r.close()


@scenario
def killed(t):
    """The consumer is killed again and again while records flow, and goes on under the same name."""
    s = t.server()
    c = Consumer(t, s)
    src = t.source("-n", 8000, "-r", RATE, "-W", LONG, s.url)
    for _ in range(8):
        time.sleep(0.4 + random.random() / 2)
        c.kill()
        c.start()
    log, _ = finish(t, src)
    handled([c], log, 8)
    nothing_pending(s)
    equal(c.alarms(), [], "alarms")


@scenario
def one_dies(t):
    """Two share the work; one is killed for good, the other takes what it had in hand."""
    s = t.server()
    r = Redis(s.path)
    one, two = Consumer(t, s), Consumer(t, s, "two")
    until("they are there", lambda: not isinstance(r("XINFO", "GROUPS", key("alerts")), Exception))
    src = t.source("-n", 6000, "-r", RATE, "-W", LONG, s.url)
    time.sleep(3)
    two.kill()
    check("ALERT" in two.said(), "the second had some")
    said = r("XREADGROUP", "GROUP", "siem", "three", "COUNT", 50, "STREAMS", key("alerts"), ">")  # and one that never acknowledges
    log, _ = finish(t, src)
    handled([one, two], log, 1)
    nothing_pending(s)
    equal(one.alarms() + two.alarms(), [], "alarms; in the third's hand: %d" % len(said[0][1] if said else []))
    r.close()


@scenario
def emptied(t):
    """FLUSHALL: the group is gone, the records come again under their IDs."""
    s = t.server()
    r = Redis(s.path)
    c = Consumer(t, s)
    src = t.source("-n", 8000, "-r", RATE, "-W", LONG, s.url)
    for _ in range(3):
        time.sleep(1.7)
        r("FLUSHALL")
    log, _ = finish(t, src)
    handled([c], log)
    equal(len(entries(r)), 8000, "all of it is in the server again")
    equal(c.alarms(), [], "alarms")
    r.close()


@scenario
def rolled_back(t):
    """The server loses its last second, and with it how far the group was: entries come again, also those that had been
    acknowledged, all behind what the group now is at."""
    s = t.server("--appendonly", "yes", "--appendfsync", "everysec")
    c = Consumer(t, s)
    src = t.source("-n", 10000, "-r", RATE, "-W", LONG, s.url)
    again = 0
    for _ in range(2):
        time.sleep(1.5)
        name = max(glob.glob(t.folder + "/appendonlydir/*.incr.aof"))
        size = os.path.getsize(name)
        time.sleep(1.5)
        before = c.count()
        s.kill()
        os.truncate(name, size)
        s.start()
        r = Redis(s.path)
        groups = r("XINFO", "GROUPS", key("alerts"))
        at = dict(zip(groups[0][::2], groups[0][1::2]))["last-delivered-id"]
        again += before - sum(1 for row in c.rows("SELECT ms, seq FROM seen WHERE type='alert'")
                              if row <= tuple(map(int, at.split("-"))))
        r.close()
    log, stats = finish(t, src)
    handled([c], log)
    check(again > 500, "the group was rolled back too, by %d" % again)
    check(any("came back without" in line for line in stats["log"]), "the server lost something: %s" % stats["log"])
    nothing_pending(s)
    equal(c.alarms(), [], "alarms")


def runs(numbers):
    """1, 2, 3, 7 as 1-3, 7-7."""
    out = []
    for n in sorted(numbers):
        if out and n == out[-1][1] + 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return out


@scenario
def holes(t):
    """Alerts that a full queue lost, that somebody trimmed, and that somebody deleted: each is an alarm, with the reason
    that a gap record gives, or without."""
    s = t.server()
    r = Redis(s.path)
    c = Consumer(t, s)
    src = t.source("-n", 20000, "-q", 64, "-W", LONG, "-t", 300, s.url)  # as fast as it goes
    log, stats = finish(t, src)
    check(stats["lost_queue"] > 0, "the queue lost some: %s" % stats)
    made = {rec["ordinal"] for _, rec, _ in log if rec["type"] == "alert"}
    until("all is handled", lambda: c.count() == len(made))
    c.kill()
    src = t.source("-n", 3000, "-r", RATE, "-W", LONG, "-t", 300, s.url)
    time.sleep(1.5)
    r("XTRIM", key("alerts"), "MAXLEN", 100)
    time.sleep(0.5)
    c.start()
    time.sleep(0.7)
    log, _ = finish(t, src)
    last = [rec["ordinal"] for _, rec, _ in log if rec["type"] == "alert"][-1]
    until("all is handled", lambda: c.rows("SELECT max(ordinal) FROM seen WHERE type='alert'")[0][0] == last)
    c.kill()
    src = t.source("-n", 300, "-r", 300, "-W", LONG, s.url)
    log, _ = finish(t, src)
    victim = [(milliseconds(rec["logged"]), i, rec["ordinal"]) for i, rec, _ in log if rec["type"] == "alert"][-100]
    equal(r("XDEL", key("alerts"), "%d-%d" % victim[:2]), 1, "deleted")
    c.start()
    time.sleep(1)
    everything = {rec["ordinal"] for _, rec, _ in log if rec["type"] == "alert"}
    seen = {o for o, in c.rows("SELECT ordinal FROM seen WHERE type='alert'")}
    lost = set(range(1, max(everything) + 1)) - seen
    told = {}

    def all_told():
        told.clear()
        for low, high, why in re.findall(r"alerts (\d+) to (\d+) are missing: (.*)", c.said()):
            for o in range(int(low), int(high) + 1):
                told[o] = why
        return set(told) == lost

    try:
        until("each hole is an alarm", all_told)
    except AssertionError as e:
        raise AssertionError("%s: told %s, lost %s: %s" % (e, runs(told), runs(lost), c.alarms()[-5:])) from e
    equal(told[victim[2]], "nobody told why", "the one that was deleted")
    reasons = {why for whys in told.values() for why in whys.split(", ")}  # holes that touch each other are one
    check(reasons <= {"queue", "trimmed", "nobody told why"}, "the reasons: %s" % reasons)
    equal([o for o, why in told.items() if why == "nobody told why"], [victim[2]], "what nobody told")
    check(sum("trimmed" in why for why in told.values()) > 300, "what was trimmed")
    r.close()


@scenario
def silence(t):
    """No heartbeat for three times as long as there should be one: told once, and once that it is over.  One that says it
    ends is not silent, and nobody is while the server is away, or just back."""
    s = t.server("--appendonly", "yes", "--appendfsync", "always")
    r = Redis(s.path)

    def beat(seq, state, age_s):
        ms = int((time.time() - age_s) * 1000)
        rec = {"type": "sensor", "schema": 1, "sensor": SENSOR, "id": "%s/%d" % (SENSOR, seq), "logged": "at %d" % seq,
               "ordinal": seq, "kind": "sensor.health", "state": state, "health": {"heartbeat_s": 1}}
        r("XADD", key("health"), "%d-%d" % (ms, seq), "kind", "sensor.health", "ordinal", seq, "json", json.dumps(rec, separators=(",", ":")))

    c = Consumer(t, s, BACK_S="4")
    for seq in range(1, 7):
        beat(seq, "running", 0)
        time.sleep(0.7)
    equal(c.alarms(), [], "it lives")
    until("it is silent", c.alarms)
    time.sleep(4)
    equal(c.alarms(), ["%s is silent since at 6" % SENSOR], "once")
    beat(7, "running", 0)
    beat(8, "stopping", 0)
    time.sleep(7)
    equal(c.alarms()[1:], ["%s is back: stopping" % SENSOR], "it was stopped")
    beat(9, "running", 0)
    r.close()
    time.sleep(1.5)
    s.kill()
    time.sleep(6)
    s.start()
    time.sleep(4)
    equal(len(c.alarms()), 2, "the server was away")
    until("it is silent, for the server was back long enough", lambda: len(c.alarms()) == 3)
    r = Redis(s.path)
    for seq in range(10, 20):
        beat(seq, "running", 0)
        time.sleep(0.5)
    equal(c.alarms()[3:], ["%s is back: running" % SENSOR], "it is back")
    r.close()


@scenario
def quiet_and_test_alerts(t):
    """A rule's alerts and those that somebody asked for are taken like all others, and call nobody."""
    s = t.server()
    r = Redis(s.path)
    c = Consumer(t, s)
    for seq, more in enumerate(({"suppressed": {"id": "x"}}, {"test": 1}, {}), 1):
        rec = dict({"type": "alert", "id": "%s/%d" % (SENSOR, seq), "ordinal": seq, "severity": "high", "summary": "x"}, **more)
        r("XADD", key("alerts"), "%d-%d" % (1000, seq), "ordinal", seq, "json", json.dumps(rec))
    until("they are taken", lambda: c.count() == 3)
    equal(re.findall(r"^ALERT .*$", c.said(), re.M), ["ALERT high %s/3 x" % SENSOR], "who is called")
    nothing_pending(s)
    r.close()


@scenario
def short(t):
    """The short example: killed, the server emptied, an alert deleted, a sensor that falls silent and is back."""
    s = t.server()
    r = Redis(s.path)
    c = Consumer(t, s)
    c.kill()
    c.argv = ["/usr/bin/python3", SHORT, s.url, SENSOR, "siem", t.folder + "/short.db"]
    c.start()
    src = t.source("-n", 6000, "-r", RATE, "-W", LONG, s.url)
    for again in ("kill", "empty", "kill"):
        time.sleep(1.2)
        if again == "kill":
            c.kill()
            c.start()
        else:
            r("FLUSHALL")
    log, _ = finish(t, src)
    want = ["%s/%d" % (SENSOR, i) for i, rec, _ in log if rec["type"] == "alert"]
    said = lambda: re.findall(r"ALERT [a-z]+ (fra1/\d+) ", c.said())  # noqa: E731
    until("all of it is handled", lambda: set(said()) >= set(want))
    check(len(said()) - len(want) <= 200, "printed twice: %d" % (len(said()) - len(want)))
    until("nothing is in hand", lambda: r("XPENDING", key("alerts"), "siem")[0] == 0)
    equal(c.alarms(), [], "alarms")

    c.kill()
    log, _ = finish(t, t.source("-n", 100, "-W", LONG, s.url))
    victim = [(milliseconds(rec["logged"]), i, rec["ordinal"]) for i, rec, _ in log if rec["type"] == "alert"][-50]
    equal(r("XDEL", key("alerts"), "%d-%d" % victim[:2]), 1, "deleted")
    r("XADD", key("health"), "%d-%d" % ((time.time() - 40) * 1000, 1), "kind", "sensor.health")
    c.start()
    until("both are told", lambda: len(c.alarms()) == 2)
    check("alerts %d to %d are missing" % (victim[2], victim[2]) in c.alarms(), "the hole: %s" % c.alarms())
    check(any("no heartbeat since" in alarm for alarm in c.alarms()), "silence: %s" % c.alarms())
    r("XADD", key("health"), "%d-%d" % (time.time() * 1000, 2), "kind", "sensor.health")
    until("it is back", lambda: c.said().endswith("there is one again\n"))
    equal(len(c.alarms()), 3, "alarms")
    with open(SHORT) as f:
        equal(len(f.readlines()), 30, "lines, as docs/redis.md says")
    r.close()


@scenario
def printed_commands(t):
    """The commands of docs/redis.md, as they stand there, three times: what is new, what a dead consumer left, nothing."""
    with open(os.path.join(TOP, "docs/redis.md")) as f:
        commands = re.search(r"```sh\n(set -e.*?)```", f.read(), re.S).group(1)
    s = t.server()
    r = Redis(s.path)
    folder = os.path.join(t.folder, "recipe")
    os.makedirs(folder + "/bin")
    with open(folder + "/bin/redis-cli", "w") as f:
        f.write("#!/bin/sh\nexec %s -s %s \"$@\"\n" % (shutil.which("redis-cli"), s.path))
    os.chmod(folder + "/bin/redis-cli", 0o755)

    def run(good=1):
        p = subprocess.run(["sh", "-c", commands], cwd=folder, timeout=60, stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT,
                           env=dict(os.environ, PATH=folder + "/bin:" + os.environ["PATH"]), check=False)
        if not good:
            return p.returncode
        equal(p.returncode, 0, "status: " + p.stdout)
        with open(folder + "/alerts.jsonl") as f:
            return f.read().splitlines()

    finish(t, t.source("-n", 300, s.url))
    os.symlink("/dev/full", folder + "/alerts.jsonl")  # a full disk: what is not written is not acknowledged
    check(run(0), "it fails")
    os.unlink(folder + "/alerts.jsonl")
    pending = r("XPENDING", key("alerts"), "siem")[0]
    equal(pending, 100, "still in its hand")
    for id_, *_ in r("XPENDING", key("alerts"), "siem", "-", "+", 100):
        r("XCLAIM", key("alerts"), "siem", "cron", 0, id_, "IDLE", 120000, "JUSTID")
    run()
    got = r("XREADGROUP", "GROUP", "siem", "dead", "COUNT", 10, "STREAMS", key("alerts"), ">")
    taken = [] if not got else got[0][1]
    for id_, _ in taken:
        r("XCLAIM", key("alerts"), "siem", "dead", 0, id_, "IDLE", 120000, "JUSTID")
    for _ in range(5):
        lines = run()
    equal(lines, [json_ for _, f, _ in entries(r) for json_ in [f["json"]]] if not taken else lines, "each once, in order")
    equal(sorted(lines), sorted(f["json"] for _, f, _ in entries(r)), "each once")
    check(taken, "a dead consumer had some")
    nothing_pending(s)
    r.close()


if __name__ == "__main__":
    if subprocess.run(["/usr/bin/python3", "-c", "import redis"], stderr=subprocess.DEVNULL, check=False).returncode:
        print("python3-redis is not installed")
        sys.exit(77)
    sys.exit(run_scenarios(SCENARIOS, __doc__, jobs=4))
