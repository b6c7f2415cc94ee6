#!/usr/bin/env python3
"""Everything that can go wrong on the way of an alert, at 1,000 alerts a second and more: what was sent is compared
with the log and with Redis.  Every record of the log must stand in Redis exactly once under its ID, and nothing else
there; what is missing in the log must be told by gap records.

    faults.py ALERT_SOURCE [SCENARIO...]

Each scenario has a redis-server, a log and a folder of its own; several run at the same time (LEAKTAP_JOBS).
"""
import glob
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from redis_lib import *  # noqa: E402,F403

RATE = 1000
LONG = 90000  # ms that the source waits at its end for Redis
SCENARIOS = []


def scenario(f):
    SCENARIOS.append(f)
    return f


def begin(t, seconds, url, *more):
    """A source that sends for so long; returns it once Redis has the first records."""
    return t.source("-n", int(seconds * RATE), "-r", RATE, "-W", LONG, *more, url)


def finish(t, server, src):
    """Nothing is lost and all of it is there."""
    stats = src.end(180)
    equal(stats["lost"], 0, "lost: %s" % stats["log"])
    return exact(server, t.log, stats), stats


# ---- the server goes -----------------------------------------------------------------------------------------


@scenario
def stopped_for_5_s(t):
    s = t.server("--appendonly", "yes")
    src = begin(t, 8, s.url)
    time.sleep(1)
    s.kill(signal.SIGTERM)
    time.sleep(5)
    s.start()
    finish(t, s, src)


def paused(t, seconds):
    s = t.server()
    src = begin(t, seconds + 3, s.url)
    time.sleep(1)
    s.process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    s.process.send_signal(signal.SIGCONT)
    finish(t, s, src)


@scenario
def hangs_for_25_s(t):
    paused(t, 25)


@scenario
def hangs_for_8_s(t):
    paused(t, 8)


def incremental(t):
    """The AOF that is written to, and its size."""
    name = max(glob.glob(t.folder + "/appendonlydir/*.incr.aof"))
    return name, os.path.getsize(name)


@scenario
def loses_what_was_not_synced(t):
    """kill -9, and the AOF cut back to what was certainly synced: acknowledged records are gone, and come again."""
    s = t.server("--appendonly", "yes", "--appendfsync", "everysec")
    src = begin(t, 12, s.url)
    cut = 0
    for _ in range(3):
        time.sleep(1)
        name, before = incremental(t)  # older than the last sync once two more seconds have passed
        time.sleep(2)
        s.kill()
        cut += os.path.getsize(name) - before
        os.truncate(name, before)
        s.start()
    _, stats = finish(t, s, src)
    check(cut > 100000, "%d bytes were cut" % cut)
    check(any("came back without" in line for line in stats["log"]), "it is told")


@scenario
def flushed(t):
    """FLUSHALL on a connection that stays open, while records flow and while none do."""
    s = t.server()
    r = Redis(s.path)
    src = begin(t, 4, s.url)
    for _ in range(4):
        time.sleep(0.6)
        r("FLUSHALL")
    _, stats = finish(t, s, src)
    check(sum("came back without" in line for line in stats["log"]) >= 3, "it is told")
    src = t.source("-n", 200, "-r", 40, "-W", LONG, s.url)  # FLUSHALL between two records
    for _ in range(6):
        time.sleep(0.7)
        r("FLUSHALL")
    stats = src.end(60)
    equal(stats["lost"], 0, "lost")
    same(t.log, r)
    r.close()


# ---- the server refuses --------------------------------------------------------------------------------------


def refusing(t, refuse, allow, word, *options):
    """5 s of refusals in the middle, twice."""
    s = t.server(*options)
    r = Redis(s.path)
    src = begin(t, 14, s.url)
    for _ in range(2):
        time.sleep(1)
        refuse(s, r)
        time.sleep(5)
        allow(s, r)
        time.sleep(1)
    log, stats = finish(t, s, src)
    check(any(word in line for line in stats["log"]), "the cause is told: %s" % stats["log"])
    r.close()
    return log, stats


@scenario
def out_of_memory(t):
    refusing(t, lambda s, r: r("CONFIG", "SET", "maxmemory", "1mb"), lambda s, r: r("CONFIG", "SET", "maxmemory", "0"),
             "OOM", "--maxmemory-policy", "noeviction")


@scenario
def misconf(t):
    """Snapshots fail, and with them every write: the server's folder is gone."""
    folder = os.path.join(t.folder, "snapshots")
    os.mkdir(folder)

    def refuse(_, r):
        if os.path.isdir(folder):
            os.rmdir(folder)
        r("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
        r("BGSAVE")

    refusing(t, refuse, lambda s, r: r("CONFIG", "SET", "stop-writes-on-bgsave-error", "no"), "MISCONF",
             "--save", "3600 1", "--stop-writes-on-bgsave-error", "no", "--dir", folder)


@scenario
def readonly(t):
    refusing(t, lambda s, r: r("REPLICAOF", "127.0.0.1", "1"), lambda s, r: r("REPLICAOF", "NO", "ONE"), "READONLY")


@scenario
def noauth(t):
    def refuse(s, r):
        r("CONFIG", "SET", "requirepass", "secret")
        r("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    log, _ = refusing(t, refuse, lambda s, r: r("CONFIG", "SET", "requirepass", ""), "NOAUTH")
    told = [rec for _, rec, _ in log if rec["type"] == "sensor"]
    check(told and all(x["kind"] == "sensor.delivery" for x in told), "an alarm stands in the log")


@scenario
def noperm(t):
    """Permissions that go and come at any moment, also between the queueing of a batch and its execution."""
    s = t.server()
    r = Redis(s.path)
    src = t.source("-n", 40000, "-r", 4000, "-W", LONG, s.url)
    time.sleep(0.5)
    for i in range(30):
        r("ACL", "SETUSER", "default", "-xadd" if i % 2 else "-hset")
        time.sleep(0.02)
        r("ACL", "SETUSER", "default", "+xadd", "+hset")
        time.sleep(0.05)
    r("ACL", "SETUSER", "default", "-xadd")
    time.sleep(5)
    r("ACL", "SETUSER", "default", "+xadd")
    _, stats = finish(t, s, src)
    check(any("NOPERM" in line for line in stats["log"]), "the cause is told")
    r.close()


@scenario
def wrongtype(t):
    def at_once(r, *commands):  # or the sensor would begin a new stream in between
        for c in [("MULTI",), *commands, ("EXEC",)]:
            r(*c)

    def refuse(_, r):
        at_once(r, ("RENAME", key("alerts"), "elsewhere"), ("SET", key("alerts"), "x"))

    def allow(_, r):
        at_once(r, ("DEL", key("alerts")), ("RENAME", "elsewhere", key("alerts")))

    refusing(t, refuse, allow, "WRONGTYPE")


def answering(t, error):
    s = t.server()
    p = Proxy(t.folder, s.path)
    src = begin(t, 8, "unix://" + p.path)
    time.sleep(1)
    p.error = error
    time.sleep(5)
    p.error = None
    _, stats = finish(t, s, src)
    p.close()
    word = error[1:].split()[0].decode()
    check(any(word in line for line in stats["log"]), "the cause is told: %s" % stats["log"])


@scenario
def loading(t):
    answering(t, b"-LOADING Redis is loading the dataset in memory\r\n")


@scenario
def clusterdown(t):
    answering(t, b"-CLUSTERDOWN The cluster is down\r\n")


# ---- the network ---------------------------------------------------------------------------------------------


@scenario
def reset_in_the_middle(t):
    s = t.server()
    p = Proxy(t.folder, s.path)
    src = t.source("-n", 16000, "-r", 4000, "-W", LONG, "unix://" + p.path)
    for _ in range(16):
        time.sleep(0.2)
        p.resets = 1
    finish(t, s, src)
    check(p.lost >= 8, "connections were reset: %d" % p.lost)
    p.close()


@scenario
def reply_lost(t):
    s = t.server()
    p = Proxy(t.folder, s.path)
    src = t.source("-n", 16000, "-r", 4000, "-W", LONG, "unix://" + p.path)
    for _ in range(16):
        time.sleep(0.2)
        p.cuts += 1
    finish(t, s, src)
    check(p.lost >= 8, "replies were lost: %d" % p.lost)
    p.close()


@scenario
def black_hole(t):
    """An address that swallows packets: the start is not held up, and everything waits in the log."""
    hole = socket.socket()
    hole.bind(("127.0.0.1", 0))
    hole.listen(0)
    fill = []
    for _ in range(4):  # the backlog is full: further SYNs are dropped
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex(hole.getsockname())
        fill.append(c)
    out = os.path.join(t.folder, "out")
    start = time.monotonic()
    src = t.source("-n", 3000, "-r", RATE, "-W", 1000, "file:" + out, "redis://127.0.0.1:%d" % hole.getsockname()[1])
    while not os.path.exists(out) or not os.path.getsize(out):
        check(time.monotonic() - start < 3, "the start was held up")
        time.sleep(0.01)
    stats = src.end(60)
    for c in [hole, *fill]:
        c.close()
    check(time.monotonic() - start < 10, "the end was held up")
    equal((stats["delivered"], stats["waiting"], stats["lost"]), (0, stats["made"], 0), "waiting")
    log = log_lines(t.log)
    equal(sent(log), list(range(3000)), "what is in the log")
    with open(out, encoding="utf-8") as f:
        equal(f.read().splitlines(), [line for _, _, line in log], "the file beside it")


@scenario
def foreign_hand(t):
    """Somebody trims, reads with a group and writes into other keys all the time."""
    s = t.server()
    r = Redis(s.path)
    src = begin(t, 5, s.url)
    time.sleep(0.5)
    r("XGROUP", "CREATE", key("alerts"), "siem", "0")
    got, end = [], time.monotonic() + 30
    while len(got) < 5000 and time.monotonic() < end:
        reply = r("XREADGROUP", "GROUP", "siem", "one", "COUNT", "100", "BLOCK", "100", "STREAMS", key("alerts"), ">")
        for _, part in reply or []:
            got += [json.loads(dict(zip(f[::2], f[1::2]))["json"])["ordinal"] for _, f in part]
            r("XACK", key("alerts"), "siem", *[i for i, _ in part])
            r("XTRIM", key("alerts"), "MINID", part[-1][0])
    stats = src.end(60)
    equal(stats["lost"], 0, "lost")
    equal(got, list(range(1, 5001)), "what the consumer got")
    r.close()


# ---- another writer, another log -----------------------------------------------------------------------------


@scenario
def second_writer(t):
    s = t.server()
    other = os.path.join(t.folder, "other")
    src = begin(t, 6, s.url)
    r = Redis(s.path)
    while not r("EXISTS", key("head")):
        time.sleep(0.01)
    r.close()
    seconds = [t.source("-n", 2000, "-r", RATE, "-W", 200, s.url, log=other + str(i)) for i in range(2)]
    stats = [x.end() for x in seconds]
    first = src.end()
    won = [x for x in (first, *stats) if x["delivered"]]
    equal(len(won), 1, "sensors that delivered under one name")
    folder = [t.log, other + "0", other + "1"][(first, *stats).index(won[0])]
    r = Redis(s.path)
    same(folder, r)
    for x in (first, *stats):
        equal(x["lost"], 0, "lost")
        check(x["sensor"] <= 1, "said once: %s" % x["log"])
        check(x is won[0] or any("another log" in line for line in x["log"]), "the others say why: %s" % x["log"])
    r.close()


@scenario
def writes_in_between(t):
    """A process that knows nothing of us adds entries to our stream: we stop, and say so."""
    s = t.server()
    r = Redis(s.path)
    src = begin(t, 5, s.url)
    time.sleep(1)
    strange = r("XADD", key("alerts"), "*", "a", "b")
    time.sleep(1.5)
    r("XDEL", key("alerts"), strange)
    r("XSETID", key("alerts"), r("HGET", key("head"), "id"))
    stats = src.end(120)
    equal(stats["lost"], 0, "lost")
    log = exact(s, t.log, stats)
    told = [rec for _, rec, _ in log if rec["type"] == "sensor"]
    check(told, "an alarm stands in the log")
    r.close()


# ---- the sensor ----------------------------------------------------------------------------------------------


def log_size(folder):
    return sum(os.path.getsize(f) for f in glob.glob(folder + "/*/rec/*/*/*/*.jsonl"))


@scenario
def killed_100_times(t):
    s = t.server()
    seed = int.from_bytes(os.urandom(4), "big")
    rnd = random.Random(seed)
    for i in range(100):
        before = log_size(t.log)
        src = t.source("-n", 100000, "-r", rnd.choice((1000, 3000, 8000)), s.url)
        end = time.monotonic() + 10
        while i % 5 < 3 and log_size(t.log) == before and time.monotonic() < end:  # the others may die while they start
            time.sleep(0.005)
        time.sleep(rnd.uniform(0.02, 0.3))
        src.p.kill()
        src.p.communicate()
        t.sources.remove(src)
    stats = t.source("-n", 1000, "-r", RATE, "-W", LONG, s.url).end(120)
    equal(stats["lost"], 0, "lost")
    r = Redis(s.path)
    log = same(t.log, r)
    for kind in ("alert", "gap"):
        ordinals_ = [rec["ordinal"] for _, rec, _ in log if rec["type"] == kind]
        equal(ordinals_, list(range(1, len(ordinals_) + 1)), "ordinals of %ss (seed %d)" % (kind, seed))
    gaps = [rec for _, rec, _ in log if rec["type"] == "gap"]
    check(50 <= len(gaps) <= 100 and all(g["reason"] == "restart" for g in gaps), "%d restarts are told" % len(gaps))
    numbers = sent(log)  # each run sends 0, 1, 2, ...: what is in the log of a run is a beginning of it
    for a, b in zip(numbers, numbers[1:]):
        check(b in (a + 1, 0), "after %d came %d (seed %d)" % (a, b, seed))
    r.close()


# ---- the disk ------------------------------------------------------------------------------------------------


def account(t, s, stats):
    """What is missing in the log is what the gap records say; the rest is in Redis."""
    r = Redis(s.path)
    log = same(t.log, r)
    gone = missing([rec["ordinal"] for _, rec, _ in log if rec["type"] == "alert"], stats["alerts"])
    gaps = [rec["counters"] for _, rec, _ in log if rec["type"] == "gap"]
    equal(sum(g.get("lost_alerts", 0) for g in gaps), len(gone), "lost alerts are told: %s" % stats)
    for o in gone:
        check(any(g["first_alert"] <= o <= g["last_alert"] for g in gaps if "first_alert" in g), "ordinal %d" % o)
    equal(len(gone), stats["lost_log"] + stats["lost_queue"], "and counted")
    numbers = sent(log)
    equal(numbers, sorted(set(numbers)), "what is there is in order and there once")
    r.close()
    return gone


def broken_disk(t, *faults):
    s = t.server()
    disk = t.file("disk")
    src = begin(t, 3 + 2 * len(faults), s.url, "-D", disk)
    time.sleep(1)
    for f in faults:
        t.file("disk", f)
        time.sleep(1.2)
        t.file("disk")
        time.sleep(0.8)
    stats = src.end(60)
    equal(stats["lost_output"] + stats["lost_stop"], 0, "lost: %s" % stats)
    gone = account(t, s, stats)
    check(len(gone) > 300 * len(faults), "something was lost: %s" % stats)
    equal(sum("works again" in line for line in stats["log"]), len(faults), "the end of each is told: %s" % stats["log"])


@scenario
def disk_errors(t):
    """EIO and ENOSPC from each call in turn."""
    broken_disk(t, "write EIO", "sync EIO", "write ENOSPC")


@scenario
def log_that_cannot_be_read(t):
    """The server comes back while the log cannot be read: that is told, and not that it holds another log's records."""
    s = t.server("--appendonly", "yes", "--appendfsync", "always")
    disk = t.file("disk")
    src = begin(t, 7, s.url, "-D", disk)
    time.sleep(1)
    t.file("disk", "read EIO")
    s.kill()
    s.start()
    time.sleep(4)
    t.file("disk")
    _, stats = finish(t, s, src)
    check(any("Input/output error" in line for line in stats["log"]), "it is told: %s" % stats["log"])
    check(not any("another log" in line for line in stats["log"]), "and nothing else: %s" % stats["log"])


@scenario
def disk_errors_in_the_middle(t):
    """A part of the batch is written, and cannot always be cut off again; new segments cannot be made."""
    broken_disk(t, "write half", "sync ENOSPC", "write half uncut")


@scenario
def killed_with_a_broken_disk(t):
    """What a failed write left behind is cut at the next start."""
    s = t.server()
    for _ in range(5):
        disk = t.file("disk")
        src = t.source("-n", 100000, "-r", 2000, "-D", disk, s.url)
        time.sleep(0.4)
        t.file("disk", "write half")
        time.sleep(0.2)
        t.file("disk", "write half uncut")
        src.p.kill()
        src.p.communicate()
        t.file("disk")
    t.source("-n", 100, "-W", LONG, s.url).end()
    r = Redis(s.path)
    same(t.log, r)
    r.close()


@scenario
def disk_full(t):
    """A real file system of 4 MiB that fills up and is emptied."""
    small = os.path.join(t.folder, "small")
    os.mkdir(small)
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small], check=False).returncode:
        raise Skip("needs to mount a tmpfs")
    try:
        t.log = os.path.join(small, "log")
        ballast = os.path.join(small, "ballast")
        s = t.server()
        src = begin(t, 4, s.url, "-m", 8)
        time.sleep(0.5)
        with open(ballast, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass
        time.sleep(1.5)
        os.unlink(ballast)
        stats = src.end(60)
        gone = account(t, s, stats)
        check(len(gone) > 300, "something was lost: %s" % stats)
    finally:
        subprocess.run(["umount", small], check=False)


# ---- the clock -----------------------------------------------------------------------------------------------


@scenario
def clock_steps(t):
    """Back by a day, ten years ahead, and right again: IDs grow, order stays, nothing is lost."""
    s = t.server()
    clock = t.file("clock")
    src = begin(t, 6, s.url, "-T", clock)
    for step in ("-86400", "0", "315360000", "0", "-3600"):
        time.sleep(1)
        t.file("clock", step)
    finish(t, s, src)
    stats = t.source("-n", 100, "-W", LONG, s.url).end()  # with the right clock, behind the log's last time
    equal(stats["lost"], 0, "lost")
    r = Redis(s.path)
    same(t.log, r)
    r.close()


if __name__ == "__main__":
    sys.exit(run_scenarios(SCENARIOS, __doc__, jobs=6))
