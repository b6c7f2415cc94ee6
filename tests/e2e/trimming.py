#!/usr/bin/env python3
"""Trimming of the streams, and who is told when a reader lost something by it, at 1,000 alerts a second.

    trimming.py ALERT_SOURCE [SCENARIO...]

The source's clock is two hours behind where entries shall be too old, and it looks at the streams every 0.3 s.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from redis_lib import *  # noqa: E402,F403
from redis_topology import Cluster, certificate  # noqa: E402

RATE = 1000
LONG = 60000
LOOK = 300  # ms
SCENARIOS = []


def scenario(f):
    SCENARIOS.append(f)
    return f


def begin(t, seconds, url, *more, old=True):
    clock = t.file("clock", "-7200" if old else "0")
    return t.source("-n", int(seconds * RATE), "-r", RATE, "-W", LONG, "-T", clock, "-t", LOOK, *more, url)


threading.excepthook = lambda a: None  # readers whose server is gone


class Reader:
    """Reads a stream with a group on a thread of its own."""

    def __init__(self, server, group="siem", what="alerts", ack=True):
        self.server, self.group, self.key, self.ack = server, group, key(what), ack
        self.got, self.paused, self.most, self.ended, self.error = [], False, 200, False, None
        r = Redis(server.path)
        made = r("XGROUP", "CREATE", self.key, group, "0", "MKSTREAM")
        check(made == "OK", "XGROUP CREATE: %s" % made)
        r.close()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        r = Redis(self.server.path)
        while not self.ended:
            if self.paused:
                time.sleep(0.02)
                continue
            said = r("XREADGROUP", "GROUP", self.group, "one", "COUNT", self.most, "BLOCK", 100, "STREAMS", self.key, ">")
            if isinstance(said, Exception):
                self.error = said
                return
            for id_, words in said[0][1] if said else []:
                self.got.append((id_, dict(zip(words[::2], words[1::2]))))
            if said and self.ack:
                r("XACK", self.key, self.group, *[id_ for id_, _ in said[0][1]])
            time.sleep(0.05)
        r.close()

    def end(self):
        self.ended = True
        self.thread.join(10)
        if self.error:
            raise self.error

    def ids(self):
        return [id_ for id_, _ in self.got]

    def ordinals(self):
        return [int(f["ordinal"]) for _, f in self.got]


class ClusterReader(Reader):
    """Goes after its stream from master to master."""

    def __init__(self, cluster, slot):
        self.cluster, self.slot = cluster, slot
        super().__init__(cluster.owner(slot))

    def __call__(self, *words):
        while True:
            r = Redis(self.server.path)
            said = r(*words)
            r.close()
            if not isinstance(said, Exception) or not str(said).startswith(("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN")):
                return said
            self.server = self.cluster.owner(self.slot)
            time.sleep(0.05)

    def run(self):
        while not self.ended:
            said = self("XREADGROUP", "GROUP", self.group, "one", "COUNT", self.most, "STREAMS", self.key, ">")
            if isinstance(said, Exception):
                self.error = said
                return
            for id_, words in said[0][1] if said else []:
                self.got.append((id_, dict(zip(words[::2], words[1::2]))))
            if said:
                self("XACK", self.key, self.group, *[id_ for id_, _ in said[0][1]])
            time.sleep(0.05)


def until(what, probe, seconds=15):
    end = time.monotonic() + seconds
    while not probe():
        check(time.monotonic() < end, "not in time: " + what)
        time.sleep(0.05)


def index_of(id_):
    return int(id_.rsplit("-", 1)[1])


def ids_of(log, type_="alert"):
    return ["%d-%d" % (milliseconds(rec["logged"]), index) for index, rec, _ in log if rec["type"] == type_]


def told(log, reason="trimmed"):
    return [rec for _, rec, _ in log if rec["type"] == "gap" and rec["reason"] == reason]


def sensor_records(log, word):
    return [rec for _, rec, _ in log if rec["type"] == "sensor" and word in rec["summary"]]


def finish(t, src):
    stats = src.end(120)
    equal(stats["lost"] + stats["waiting"], 0, "lost or waiting: %s" % stats["log"])
    log = log_lines(t.log)
    equal(sent(log), list(range(stats["alerts"])), "what was sent")
    return log, stats


def valid(log):
    """Records that are only made here are as docs/records.schema.json says."""
    lines = [line for _, rec, line in log if rec["type"] != "alert" and rec["type"] != "flow"]
    check(lines, "there are some")
    p = subprocess.run([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "schema.py"), "-"],
                       input="\n".join(lines) + "\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    check(p.returncode in (0, 77), "schema: " + p.stdout[-500:])


def has_exactly(t, server, log):
    """What is left in Redis are the newest records, each once under its ID and with its line."""
    r = Redis(server.path)
    for what, types in (("alerts", ("alert",)), ("health", ("sensor", "gap"))):
        lines = {"%d-%d" % (milliseconds(rec["logged"]), i): line for i, rec, line in log if rec["type"] in types}
        there = entries(r, what)
        for id_, f, _ in there:
            equal(lines.get(id_), f["json"], "the record " + id_)
        if there:
            equal([e[0] for e in there], list(lines)[-len(there):], "the newest of " + what)
    head = r("HGETALL", key("head"))
    equal(dict(zip(head[::2], head[1::2]))["index"], str(log[-1][0]), "the head's index")
    r.close()


# ---- by age --------------------------------------------------------------------------------------------------


@scenario
def slower_than_retention(t):
    """Everything is too old at once, a reader is slow, stands still, and reads on: it misses nothing, and what it has
    read goes."""
    s = t.server()
    reader = Reader(s)
    reader.most = 10
    r = Redis(s.path)
    src = begin(t, 8, s.url, "-H", 1)
    until("the reader has some", lambda: len(reader.got) > 200)
    until("what it has read goes", lambda: r("XLEN", key("alerts")) < r("XINFO", "STREAM", key("alerts"))[1] + 1 and
          r("XRANGE", key("alerts"), "-", "+", "COUNT", 1)[0][0] != reader.got[0][0])
    reader.paused = True
    time.sleep(1.5)
    first = r("XRANGE", key("alerts"), "-", "+", "COUNT", 1)[0][0]
    time.sleep(1)
    equal(r("XRANGE", key("alerts"), "-", "+", "COUNT", 1)[0][0], first, "nothing goes while it stands still")
    reader.paused, reader.most = False, 500
    time.sleep(5)
    log, stats = finish(t, src)
    until("it has all", lambda: len(reader.got) >= stats["alerts"])
    reader.end()
    equal(reader.ids(), ids_of(log), "what it has read")
    check(stats["trimmed"] > 3000, "trimmed: %s" % stats)
    equal(told(log), [], "nothing to tell")
    equal(stats["trimmed_unread"], 0, "nothing unread was trimmed")
    has_exactly(t, s, log)
    r.close()


@scenario
def unacknowledged(t):
    """What a reader was given and did not acknowledge stays, and so does all behind it."""
    s = t.server()
    reader = Reader(s, ack=False)
    r = Redis(s.path)
    src = begin(t, 4, s.url, "-H", 1)
    until("it was given some", lambda: len(reader.got) > 1500)
    equal(r("XRANGE", key("alerts"), "-", "+", "COUNT", 1)[0][0], reader.got[0][0], "nothing goes")
    for id_ in reader.ids()[:1000]:
        r("XACK", key("alerts"), "siem", id_)
    until("what is acknowledged goes", lambda: r("XRANGE", key("alerts"), "-", "+", "COUNT", 1)[0][0] != reader.got[0][0])
    time.sleep(1)
    first = r("XRANGE", key("alerts"), "-", "+", "COUNT", 1)[0][0]
    check(first <= reader.got[1000][0], "nothing else")
    check(int(first.split("-")[1]) > int(reader.got[900][0].split("-")[1]), "nearly all of it: %s" % first)
    log, _ = finish(t, src)
    reader.end()
    equal(told(log), [], "nothing to tell")
    r.close()


@scenario
def nobody_reads(t):
    """Without groups age decides, down to an empty stream.  Sensor and server go on from the head."""
    s = t.server("--appendonly", "yes", "--appendfsync", "always", "--stream-node-max-entries", "10")
    r = Redis(s.path)
    src = begin(t, 3, s.url, "-H", 1)
    log, stats = finish(t, src)
    check(stats["trimmed"] > 1000, "trimmed: %s" % stats)
    has_exactly(t, s, log)
    r("XTRIM", key("alerts"), "MAXLEN", 0)
    s.kill()
    s.start()
    r = Redis(s.path)
    src = begin(t, 2, s.url, "-H", 1)
    time.sleep(1)
    r("XTRIM", key("alerts"), "MAXLEN", 0)  # below the head, while records flow
    stats = src.end(60)
    equal(stats["lost"] + stats["waiting"], 0, "lost: %s" % stats["log"])
    check(not any("came back without" in line for line in stats["log"]), "nothing is sent again: %s" % stats["log"])
    check(not any("somebody else writes" in line for line in stats["log"]), "it is its own: %s" % stats["log"])
    log = log_lines(t.log)
    equal([rec["ordinal"] for _, rec, _ in log if rec["type"] == "alert"], list(range(1, 5001)), "ordinals")
    has_exactly(t, s, log)
    equal(told(log), [], "nobody lost anything")
    r.close()


@scenario
def marks_too(t):
    s = t.server("--stream-node-max-entries", "10")
    r = Redis(s.path)
    now = int(time.time() * 1000)
    for i in range(100):
        r("XADD", key("marks"), "%d-%d" % (now - 7200000, i + 1), "json", "{}")
    for i in range(15):
        r("XADD", key("marks"), "%d-%d" % (now, i + 1), "json", "{}")
    src = begin(t, 2, s.url, "-H", 1)
    until("old marks go", lambda: r("XLEN", key("marks")) <= 25)
    check(r("XLEN", key("marks")) >= 15, "new ones stay")
    finish(t, src)
    r.close()


@scenario
def dead_group(t):
    """Nobody reads for a group: the stream grows, and that is told once, with its name, age and how many it holds.
    Entries are too old after five seconds; who reads along is not meant."""
    s = t.server()
    r = Redis(s.path)
    for what in ("alerts", "flows"):
        r("XGROUP", "CREATE", key(what), "gone\x1b[2J", "0", "MKSTREAM")
    reader = Reader(s)
    clock = t.file("clock", "-3595")
    src = t.source("-n", 8000, "-r", RATE, "-W", LONG, "-T", clock, "-t", LOOK, "-H", 1, "-f", s.url)
    time.sleep(4)
    equal(len(entries(r, "health")), 0, "nobody is dead yet")
    log, stats = finish(t, src)
    valid(log)
    until("the other has read all", lambda: len(reader.got) == 8000)
    reader.end()
    equal(r("XLEN", key("alerts")), 8000, "all of it is held")
    dead = sensor_records(log, "gone?[2J")
    equal(sorted("flows" in rec["summary"] for rec in dead), [False, True], "one record for each stream: %s" % dead)
    for rec in dead:
        check(3600 <= rec["counters"]["waits_s"] < 3605, "age: %s" % rec)
        check(1 <= rec["counters"]["held_entries"] <= 3000, "how many: %s" % rec)
    equal(len(sensor_records(log, "")), 2, "not the one that reads")
    equal(told(log), [], "nothing is lost")
    check(all("\x1b" not in line for line in stats["log"]), "no control characters")
    r("XGROUP", "DESTROY", key("alerts"), "gone\x1b[2J")
    src = t.source("-n", 80, "-r", 10, "-W", LONG, "-T", clock, "-t", LOOK, "-H", 1, s.url)
    until("it goes", lambda: r("XLEN", key("alerts")) < 3000)
    equal(src.end(60)["lost"], 0, "lost")
    r.close()


# ---- by number, and by others --------------------------------------------------------------------------------


def gone(log, group="siem", stream="alerts"):
    """Ordinals that gap records say a group lost."""
    out, records = set(), [g for g in told(log) if g["group"] == group and g["stream"] == stream]
    for g in records:
        c = g["counters"]
        if c.get("unacknowledged") and "lost_alerts" not in c:
            continue  # it had been given them, and reads on
        lost = set(range(c["first_alert"], c["last_alert"] + 1))
        equal(len(lost), c["lost_alerts"], "as many as named: %s" % g)
        check(not lost & out, "each once: %s" % records)
        out |= lost
    return out, records


@scenario
def cap_passes_a_group(t):
    """The bound on entries goes past a group that stands still: told when it begins and when the group is back, each
    lost alert in one of the records."""
    s = t.server()
    reader = Reader(s)
    other = Reader(s, "archive")
    r = Redis(s.path)
    src = begin(t, 9, s.url, "-N", 2500, old=False)
    time.sleep(1)
    reader.paused = True
    time.sleep(5.5)
    check(r("XLEN", key("alerts")) < 4500, "the bound holds")
    equal(len([e for e in entries(r, "health") if e[2]["type"] == "gap"]), 1, "told once while it goes on")
    reader.paused, reader.most = False, 2000
    time.sleep(1)
    log, stats = finish(t, src)
    until("they have all", lambda: reader.ids()[-1] == ids_of(log)[-1] and other.ids()[-1] == ids_of(log)[-1])
    reader.end()
    other.end()
    equal(other.ids(), ids_of(log), "who reads on misses nothing")
    lost, records = gone(log)
    equal(lost, set(range(1, 9001)) - set(reader.ordinals()), "what it misses is what is told")
    check(len(lost) > 1000, "it lost something: %d" % len(lost))
    check(len(records) >= 2, "when it begins, and when the group is back: %s" % records)
    check(all("max_entries" in rec["summary"] for rec in records), "the cause: %s" % records)
    equal(gone(log, "archive")[1], [], "the other group lost nothing")
    in_hand = sum(rec["counters"].get("unacknowledged", 0) for rec in records)
    equal(stats["trimmed_unread"], len(lost) + in_hand, "counted")
    has_exactly(t, s, log)
    r.close()


@scenario
def cap_comes_with_a_restart(t):
    """The bound is new, and its first trim goes past six groups, one of them with entries in hand.  They never read again:
    what they lost from then to the stop is told by then, all of it, and whose trims these were."""
    s = t.server()
    groups = ["slow"] + ["g%d" % i for i in range(5)]
    src = t.source("-n", 6000, "-W", LONG, s.url)
    equal(src.end(60)["lost"], 0, "lost")
    r = Redis(s.path)
    for g in groups:
        r("XGROUP", "CREATE", key("alerts"), g, "0")
    r("XREADGROUP", "GROUP", "slow", "one", "COUNT", 10, "STREAMS", key("alerts"), ">")
    src = t.source("-n", 3 * RATE, "-r", RATE, "-W", LONG, "-t", LOOK, "-N", 1000, s.url)
    stats = src.end(60)
    equal(stats["lost"] + stats["waiting"], 0, "lost: %s" % stats["log"])
    log = log_lines(t.log)
    left = r("XRANGE", key("alerts"), "-", "+", "COUNT", 1)[0][1]
    left = int(dict(zip(left[::2], left[1::2]))["ordinal"])
    check(left > 6000, "it was trimmed while they did not read, too: %d" % left)
    for g in groups:
        lost, records = gone(log, g)
        equal(lost, set(range(11 if g == "slow" else 1, left)), "what %s lost" % g)
        equal(sum(rec["counters"].get("unacknowledged", 0) for rec in records), 10 if g == "slow" else 0, "in hand of " + g)
        check(all("which alerts.streams.max_entries trimmed" in rec["summary"] for rec in records), "whose: %s" % records)
        equal(len(records), 2, "at once, and at the stop: %s" % records)
    equal(stats["trimmed_unread"], 6 * (left - 1), "counted")
    valid(log)
    has_exactly(t, s, log)
    r.close()


@scenario
def cap_and_others(t):
    """The bound trims, and so does somebody: each loss is laid at the right door."""
    s = t.server("--stream-node-max-entries", "10")
    r = Redis(s.path)
    for g in ("ours", "theirs"):
        r("XGROUP", "CREATE", key("alerts"), g, "0", "MKSTREAM")
    src = begin(t, 6, s.url, "-N", 2000, old=False)
    until("somebody trims", lambda: r("XLEN", key("alerts")) > 1000)
    first = r("XRANGE", key("alerts"), "-", "+", "COUNT", 600)[-1][0]
    r("XGROUP", "SETID", key("alerts"), "ours", first)  # before the trim: a look between the two would find a loss of its
    r("XTRIM", key("alerts"), "MINID", first)
    until("it is told", lambda: "theirs" in [e[2].get("group") for e in entries(r, "health")])
    log, _ = finish(t, src)
    theirs, ours = gone(log, "theirs")[1], gone(log, "ours")[1]
    check("which somebody else trimmed" in theirs[0]["summary"] and theirs[0]["counters"]["first_alert"] == 1, "%s" % theirs)
    check(ours and all("which alerts.streams.max_entries trimmed" in rec["summary"] for rec in theirs[1:] + ours),
          "the bound's: %s %s" % (theirs, ours))
    check(len(theirs) >= 2, "it goes on: %s" % theirs)
    r.close()


@scenario
def trimmed_by_others(t):
    """XTRIM from cron, with nothing set here: told with the ordinals, not when everything was read."""
    s = t.server()
    reader = Reader(s)
    r = Redis(s.path)
    src = begin(t, 8, s.url, old=False)
    until("some were read", lambda: len(reader.got) > 500)
    r("XTRIM", key("alerts"), "MINID", reader.got[400][0])  # all of it read
    time.sleep(1)
    reader.paused = True
    time.sleep(1.5)
    r("XTRIM", key("alerts"), "MAXLEN", 700)
    time.sleep(1)
    reader.paused, reader.most = False, 2000
    time.sleep(0.8)
    reader.paused = True
    time.sleep(0.7)
    r("XTRIM", key("alerts"), "MAXLEN", 0)
    time.sleep(1)
    reader.paused = False
    log, stats = finish(t, src)
    until("it has the last", lambda: reader.ids()[-1] == ids_of(log)[-1])
    reader.end()
    lost, records = gone(log)
    equal(lost, set(range(1, 8001)) - set(reader.ordinals()), "what it misses is what is told")
    equal(len(records), 2, "records: %s" % records)
    check(all("somebody else" in rec["summary"] for rec in records), "the cause: %s" % records)
    equal(stats["trimmed"], 0, "we trim nothing")
    has_exactly(t, s, log)
    r.close()


@scenario
def trimmed_unacknowledged(t):
    """A reader died with entries in hand: when they are trimmed, nobody can claim them."""
    s = t.server()
    reader = Reader(s, ack=False)
    r = Redis(s.path)
    src = begin(t, 4, s.url, old=False)
    until("it was given some", lambda: len(reader.got) > 600)
    reader.end()
    time.sleep(0.5)
    in_hand = len(reader.got)
    r("XACK", key("alerts"), "siem", *reader.ids()[100:])
    time.sleep(0.5)
    r("XTRIM", key("alerts"), "MINID", reader.ids()[500])
    log, _ = finish(t, src)
    valid(log)
    records = told(log)
    equal(len(records), 1, "records: %s" % records)
    equal(records[0]["counters"]["unacknowledged"], 100, "in hand: %d, %s" % (in_hand, records))
    check("lost_alerts" not in records[0]["counters"], "nothing unread")
    r.close()


@scenario
def flows_and_health(t):
    s = t.server()
    r = Redis(s.path)
    for what in ("flows", "health"):
        r("XGROUP", "CREATE", key(what), "siem", "0", "MKSTREAM")
    r("XGROUP", "CREATE", key("alerts"), "dead", "0", "MKSTREAM")
    src = begin(t, 6, s.url, "-f", "-H", 1)
    until("a record of the sensor", lambda: r("XLEN", key("health")) > 0)
    time.sleep(1)
    r("XTRIM", key("flows"), "MAXLEN", 10)
    r("XTRIM", key("health"), "MAXLEN", 0)
    log, _ = finish(t, src)
    valid(log)
    records = {g["stream"]: g["counters"] for g in told(log)}
    equal(sorted(records), ["flows", "health"], "records: %s" % told(log))
    equal(records["flows"]["first_flow"], 1, "flows")
    equal(records["flows"]["last_flow"], records["flows"]["lost_flows"], "flows")
    check(records["flows"]["lost_flows"] > 500, "flows")
    check(records["health"]["lost_sensor"] >= 1 and records["health"]["first_sensor"] == 1, "%s" % records)
    r.close()


@scenario
def group_ahead(t):
    """A group stands behind the end of its stream, as after the stream was set back: it is named, and with the command
    that is told it is given everything that comes."""
    s = t.server()
    r = Redis(s.path)
    equal(r("XGROUP", "CREATE", key("alerts"), "siem", "9999999999999-7", "MKSTREAM"), "OK", "XGROUP CREATE")
    src = begin(t, 4, s.url, old=False)
    until("it is told", lambda: r("XLEN", key("health")) > 0)
    rec = entries(r, "health")[0][2]
    command = re.search(r"XGROUP SETID (\S+) (\S+) (\d+-\d+)$", rec["summary"])
    check(command, "the command is told: %s" % rec)
    equal(r("XREADGROUP", "GROUP", "siem", "one", "STREAMS", key("alerts"), ">"), None, "it is given nothing")
    r("XGROUP", "SETID", *command.groups())
    log, _ = finish(t, src)
    given = r("XREADGROUP", "GROUP", "siem", "one", "COUNT", 10000, "STREAMS", key("alerts"), ">")[0][1]
    want = [id_ for id_ in ids_of(log) if list(map(int, id_.split("-"))) > list(map(int, command.group(3).split("-")))]
    equal([id_ for id_, _ in given], want, "what it is given")
    equal(len(sensor_records(log, "ahead")), 1, "once")
    r.close()


@scenario
def cluster_with_tls(t):
    """A Cluster whose nodes all speak TLS; the slot of the streams moves while they are trimmed and read."""
    pair = certificate(t.folder, "tls", "IP:127.0.0.1")
    c = Cluster(t, certificate=pair)
    slot = c.nodes[0].ask("CLUSTER", "KEYSLOT", key("alerts"))
    reader = ClusterReader(c, slot)
    src = begin(t, 12, c.url, "-C", pair[0], "-H", 1)
    until("what it has read goes", lambda: len(reader.got) > 1000 and
          c.owner(slot).ask("XRANGE", key("alerts"), "-", "+", "COUNT", 1)[0][0] != reader.got[0][0])
    first = c.owner(slot)
    to = next(n for n in c.nodes if n is not first)
    c.move(slot, to)
    there = len(reader.got)
    until("it is trimmed there, too", lambda: len(reader.got) > there + 1000 and
          index_of(to.ask("XRANGE", key("alerts"), "-", "+", "COUNT", 1)[0][0]) >= index_of(reader.got[there][0]))
    log, stats = finish(t, src)
    until("it has all", lambda: len(reader.got) >= stats["alerts"])
    reader.end()
    equal(reader.ids(), ids_of(log), "what it has read")
    check(reader.server is to, "it went along")
    check(stats["trimmed"] > 3000, "trimmed: %s" % stats)
    equal(told(log), [], "nothing to tell")
    equal(first.ask("CLUSTER", "COUNTKEYSINSLOT", slot), 0, "keys left behind")
    has_exactly(t, to, log)


@scenario
def many_groups(t):
    """More groups than are looked at: nothing goes by age, and that is told once."""
    s = t.server()
    r = Redis(s.path)
    for i in range(40):
        r("XGROUP", "CREATE", key("alerts"), "g%d" % i, "$", "MKSTREAM")
    r("XADD", key("flows"), "1-1", "a", "b")
    src = begin(t, 3, s.url, "-H", 1)
    log, _ = finish(t, src)
    equal(r("XLEN", key("alerts")), 3000, "all is there")
    equal(len(sensor_records(log, "more than 32 groups")), 1, "once")
    r.close()


@scenario
def between_batches(t):
    """As fast as it goes, with a look and a trim (of nothing) and a question to replicas between any two batches."""
    s = t.server()
    src = t.source("-n", 60000, "-b", "-R", "-N", 1000000000, "-L", 1, "-t", 1, "-W", LONG, s.url)
    stats = src.end(180)
    equal(stats["lost"] + stats["waiting"], 0, "lost or waiting")
    r = Redis(s.path)
    same(t.log, r, SENSOR + "-replay")
    looks = re.search(r"xtrim:calls=(\d+)", r("INFO", "commandstats"))
    check(int(looks.group(1)) > 100, "looks: %s" % looks.group(0))
    r.close()


@scenario
def full_server(t):
    """A server that has no room takes records again once the bound on entries is set."""
    s = t.server("--maxmemory", "6mb", "--maxmemory-policy", "noeviction")
    src = t.source("-n", 6000, "-W", 3000, "-t", LOOK, s.url)
    stats = src.end(60)
    check(stats["waiting"] > 1000, "it is full: %s" % stats)
    src = t.source("-n", 1000, "-r", RATE, "-W", LONG, "-t", LOOK, "-N", 500, s.url)
    stats = src.end(120)
    equal(stats["lost"] + stats["waiting"], 0, "lost or waiting: %s" % stats["log"])
    has_exactly(t, s, log_lines(t.log))


# ---- permissions, and the pace -------------------------------------------------------------------------------


@scenario
def not_permitted(t):
    """Without +xtrim, and then without what is needed to know who reads: told once each, delivery is exact; once it is
    permitted, it works.  Without settings nobody asks for it, and nothing is said."""
    s = t.server("--appendonly", "yes")
    r = Redis(s.path)
    for rules, word, options in (("-xtrim", "xtrim", ("-H", 1)), ("-xtrim", "xtrim", ("-N", 500)),
                                 ("-xinfo|groups", "not known", ("-H", 1)), ("-xpending", "unacknowledged", ("-H", 1)),
                                 ("-xinfo|groups", None, ()), ("-xrange", "hold back", ("-H", 1))):
        r("FLUSHALL")
        shutil.rmtree(t.log)
        os.mkdir(t.log)
        r("ACL", "SETUSER", "default", "reset", "on", "nopass", "~*", "&*", "+@all", *rules.split())
        admin = Redis(s.path)
        src = None
        reader = None
        if word in ("unacknowledged", "hold back"):
            r("XGROUP", "CREATE", key("alerts"), "siem", "0", "MKSTREAM")
        if word == "unacknowledged":
            r("ACL", "SETUSER", "default", "+xpending")
            reader = Reader(s, "slow", ack=False)
            r("ACL", "SETUSER", "default", "-xpending")
        src = begin(t, 3, s.url, *options)
        log, stats = finish(t, src)
        if reader:
            reader.end()
        said = [line for line in stats["log"] if "trimmed" in line or "groups" in line]
        records = [x for x in sensor_records(log, "Delivery goes on")]
        equal(len(said), 1 if word else 0, "%s said: %s" % (rules, stats["log"]))
        equal(len(records), 1 if word else 0, "%s told: %s" % (rules, records))
        if word:
            check(word in said[0], "%s: %s" % (rules, said))
        r("ACL", "SETUSER", "default", "+@all")
        equal(r("XLEN", key("alerts")), 3000, "%s: everything is there" % rules)
        has_exactly(t, s, log)
        admin.close()
    r.close()


@scenario
def marks_not_permitted(t):
    """A user who has the keys of delivery alone: told once, records flow, the streams are trimmed."""
    s = t.server()
    r = Redis(s.path)
    r("ACL", "SETUSER", "lt", "on", ">pw", "&*", "+@all", "~leaktap:sensors",
      *["~" + key(k) for k in ("alerts", "flows", "health", "head")])
    src = begin(t, 4, "unix://lt:pw@" + s.path, "-H", 1)
    until("records flow", lambda: int(r("HGET", key("head"), "index") or 0) > 2000)
    calls = r("INFO", "commandstats")
    log, stats = finish(t, src)
    calls = int(re.search(r"cmdstat_xinfo.stream:.*rejected_calls=(\d+)", calls).group(1))
    check(calls < 20, "asked %d times for what is refused" % calls)
    said = [line for line in stats["log"] if "trimmed" in line]
    equal((len(said), len(sensor_records(log, ":marks"))), (1, 1), "said: %s" % said)
    check(":marks" in said[0], "what: %s" % said)
    check(stats["trimmed"] > 1000, "trimmed: %s" % stats)
    has_exactly(t, s, log)
    r.close()


@scenario
def more_groups_than_are_read(t):
    """70,000 groups, whose list is longer than any answer: told once, and delivery does not break again and again."""
    s = t.server()
    r = Redis(s.path)
    equal(r("EVAL", "for i = 1, 70000 do redis.call('XGROUP', 'CREATE', KEYS[1], 'g' .. i, '0', 'MKSTREAM') end return 1", 1,
            key("alerts")), 1, "groups")
    src = begin(t, 5, s.url, "-H", 1)
    log, stats = finish(t, src)
    equal(len(sensor_records(log, "who reads them is not known")), 1, "told: %s" % stats["log"])
    broke = sum("no Redis reply" in line for line in stats["log"])
    check(broke <= 4, "broke %d times" % broke)
    has_exactly(t, s, log)
    r.close()


@scenario
def exact_while_trimming(t):
    """Retention, the bound, foreign trims and refusals at once, while a group reads along."""
    s = t.server()
    reader = Reader(s)
    reader.most = 1000
    r = Redis(s.path)
    src = begin(t, 12, s.url, "-H", 1, "-N", 20000)
    for i in range(8):
        time.sleep(1)
        if i % 3 == 0:
            r("CONFIG", "SET", "maxmemory", "1mb")
            time.sleep(0.2)
            r("CONFIG", "SET", "maxmemory", "0")
        elif i % 3 == 1:
            until("it has read", lambda: len(reader.got) > 200)
            r("XTRIM", key("alerts"), "MINID", reader.got[-150][0])
        else:
            r("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            reader = more_of(reader)
            r("XLEN", key("alerts"))
    log, stats = finish(t, src)
    until("it has all", lambda: reader.ids()[-1] == ids_of(log)[-1])
    reader.end()
    equal(reader.ids(), ids_of(log), "every alert once")
    equal(told(log), [], "nobody lost anything")
    check(stats["trimmed"] > 5000, "trimmed: %s" % stats)
    has_exactly(t, s, log)
    r.close()


def more_of(reader):
    """The reader's connection was ended with all others: it goes on, with what it had in hand first."""
    reader.thread.join(10)
    reader.error = None
    r = Redis(reader.server.path)
    have = set(reader.ids())
    for id_, words in r("XREADGROUP", "GROUP", reader.group, "one", "STREAMS", reader.key, "0")[0][1]:
        if id_ not in have:
            reader.got.append((id_, dict(zip(words[::2], words[1::2]))))
        r("XACK", reader.key, reader.group, id_)
    r.close()
    reader.thread = threading.Thread(target=reader.run, daemon=True)
    reader.thread.start()
    return reader


# ---- durable -------------------------------------------------------------------------------------------------


def durable(r):
    words = r("HGETALL", key("head"))
    head = dict(zip(words[::2], words[1::2]))
    return int(head.get("durable", 0)), int(head.get("index", 0))


@scenario
def replicas(t):
    """The mark follows a replica; without it, it stays behind, and delivery goes on as before."""
    s = t.server("--port", str(free_port()), "--repl-diskless-sync-delay", "0")
    replica = t.server("--port", "0", name="replica")
    port = Redis(s.path)("CONFIG", "GET", "port")[1]
    rr, r = Redis(replica.path), Redis(s.path)
    rr("REPLICAOF", "127.0.0.1", port)
    until("the replica is there", lambda: r("ROLE")[2] and r("ROLE")[2][0][2] != "0")
    src = begin(t, 12, s.url, "-L", 1, old=False)
    time.sleep(3)
    until("the mark follows", lambda: durable(r)[0] > 1000)
    mark, index = durable(r)
    check(mark <= index, "not ahead")
    rr_index = durable(rr)[1]
    check(rr_index >= mark, "the replica has it")
    replica.process.send_signal(signal.SIGSTOP)
    time.sleep(2)
    stays, _ = durable(r)
    time.sleep(2)
    now, index = durable(r)
    equal(now, stays, "it stays behind")
    check(index > now + 1500, "and delivery goes on: %d, %d" % (now, index))
    replica.process.send_signal(signal.SIGCONT)
    until("it follows again", lambda: durable(r)[0] > index)
    log, stats = finish(t, src)
    check(index < stats["durable"] <= log[-1][0], "the mark at the end: %s" % stats)
    exact(s, t.log, stats)
    r.close()
    rr.close()


@scenario
def no_replica(t):
    s = t.server()
    src = begin(t, 3, s.url, "-L", 2, old=False)
    log, stats = finish(t, src)
    equal(stats["durable"], 0, "no mark")
    check(stats["seconds"] < 3 * 3, "in time: %s" % stats)
    exact(s, t.log, stats)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


if __name__ == "__main__":
    sys.exit(run_scenarios(SCENARIOS, __doc__, jobs=4))
