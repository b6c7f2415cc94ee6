#!/usr/bin/python3
"""How records arrive: their order while a backlog is caught up with, the memory that an outage takes, how soon a lone
one is there, how many go together.  Times are held against a second only; how fast it is shows `make bench`.

    delivery.py build/asan/e2e/alert_source [SCENARIO...]"""
import glob
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from redis_lib import (Memory, Proxy, Redis, SENSOR, check, entries, equal, exact, key, run_scenarios, same, sent, told_us)  # noqa: E402

REPLAY = SENSOR + "-replay"


class Reader(threading.Thread):
    """A consumer: what it is given, in the order in which it is given it."""

    def __init__(self, path, n, sensor=SENSOR):
        super().__init__(daemon=True)
        self.r, self.n, self.sensor = Redis(path), n, sensor
        self.indexes, self.waits = [], []
        self.start()

    def run(self):
        last, end = "0-0", time.monotonic() + 60
        while len(self.indexes) < self.n and time.monotonic() < end:
            answer = self.r("XREAD", "COUNT", "1000", "BLOCK", "1000", "STREAMS", key("alerts", self.sensor), last)
            now = time.time()
            for last, words in answer[0][1] if answer else []:
                self.indexes.append(int(last.split("-")[1]))
                self.waits.append(now - told_us(words[-1]) / 1e6)
        self.r.close()


def order_over_an_outage(t):
    """One run: the server goes, a backlog grows, it comes back, and new alerts go on all the time."""
    s = t.server()
    s.kill()
    src = t.source("-b", "-n", 12000, "-r", 3000, "-W", 60000, s.url)
    time.sleep(2)
    s.start()
    reader = Reader(s.path, 12000)
    stats = src.end(120)
    reader.join(60)
    equal(stats["lost"], 0, "lost")
    equal(reader.indexes, list(range(1, 12001)), "what a reader was given while it was caught up with")
    exact(s, t.log, stats)


def order_after_a_restart(t):
    """The backlog is that of the run before; the next one delivers it, and its own alerts behind it."""
    s = t.server()
    s.kill()
    first = t.source("-b", "-n", 20000, "-R", "-W", 0, s.url).end(120)
    equal(first["waiting"], 20000, "waiting")
    s.start()
    reader = Reader(s.path, 23000, REPLAY)
    stats = t.source("-b", "-n", 3000, "-r", 3000, "-R", "-W", 60000, s.url).end(120)
    reader.join(60)
    equal((stats["waiting"], stats["lost"]), (0, 0), "waiting, lost")
    equal(reader.indexes, list(range(1, 23001)), "what a reader was given while it was caught up with")
    r = Redis(s.path)
    log = same(t.log, r, REPLAY)
    equal(sent(log), list(range(20000)) + list(range(3000)), "what was sent")
    equal([rec["ordinal"] for _, rec, _ in log], list(range(1, 23001)), "ordinals")
    r.close()


def full_batches(t):
    """A backlog goes in batches of 256: one transaction for each would take a round trip for every record."""
    s = t.server()
    s.kill()
    t.source("-b", "-n", 20000, "-R", "-W", 0, s.url).end(120)
    s.start()
    t.source("-b", "-n", 1, "-R", "-W", 60000, s.url).end(120)
    r = Redis(s.path)
    stats = r("INFO", "commandstats")
    calls = {line.split(":")[0][8:]: int(line.split("calls=")[1].split(",")[0])
             for line in stats.splitlines() if line.startswith("cmdstat_")}
    equal(calls["xadd"], 20001, "XADD, each once")
    check(20001 / 256 <= calls["exec"] <= 2 * 20001 / 256, "%d transactions for 20001 records" % calls["exec"])
    r.close()


def memory_is_flat(t):
    """The disk takes what an outage holds up, not memory; and no more of the disk than it was given."""
    s = t.server()
    s.kill()
    options = os.environ.get("ASAN_OPTIONS", "")
    os.environ["ASAN_OPTIONS"] = options + ":quarantine_size_mb=1"  # it keeps what was freed
    src = t.source("-n", 100000, "-R", "-q", 4096, "-m", 64, "-W", 0, s.url)
    os.environ["ASAN_OPTIONS"] = options
    memory = Memory(src.p.pid)
    stats = src.end(240)
    memory.join()
    equal(stats["alerts"], 100000, "alerts")
    seen = memory.seen
    check(len(seen) > 20, "memory was looked at: %d times" % len(seen))
    grown = max(seen) - seen[len(seen) // 10]  # 150 MB of records went through
    check(grown < 24, "%.0f MiB more than after a tenth of the time" % grown)
    size = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(t.log) for f in files)
    check(size < 65 << 20, "the log takes %d bytes of 64 MiB" % size)


def a_lone_record(t):
    """Nothing else comes: it waits for no other, nor for a timer."""
    s = t.server("--appendonly", "yes", "--appendfsync", "everysec")
    reader = Reader(s.path, 5)
    stats = t.source("-b", "-n", 5, "-r", 2, "-W", 20000, s.url).end(60)
    reader.join(60)
    equal(stats["delivered"], 5, "delivered")
    waits = sorted(reader.waits)
    equal(len(waits), 5, "read")
    check(waits[2] < 1, "seconds until they could be read: %s" % waits)


def a_segment_is_cut(t):
    """Somebody cuts the file that is written to: the records in it are told as lost, those behind it come, and nobody
    turns in circles over what will not come."""
    s = t.server()
    s.kill()
    src = t.source("-b", "-n", 6000, "-r", 2000, "-W", 30000, s.url, "file:" + t.file("out.jsonl"))
    names, end = [], time.monotonic() + 30
    while time.monotonic() < end and (not names or os.path.getsize(names[-1]) < 400 << 10):
        names = sorted(glob.glob(os.path.join(t.log, SENSOR, "rec/*/*/*/*.jsonl")))
        time.sleep(0.02)
    name = names[-1]
    os.truncate(name, os.path.getsize(name) // 2)
    s.start()
    stats = src.end(60)
    check(any("cannot be read" in line for line in stats["log"]), "it is told: %s" % stats["log"])
    r = Redis(s.path)
    records = [rec for _, _, rec in entries(r) + entries(r, "health")]
    indexes = {int(rec["id"].split("/")[1]) for rec in records}
    lost = set()  # of the server; the file had nearly all of them before
    for rec in records:
        if rec.get("reason") == "log" and s.path in rec["summary"]:
            lost |= set(range(rec["counters"]["first_index"], rec["counters"]["last_index"] + 1))
    wrong = lost ^ (set(range(1, stats["made"] + 1)) - indexes)
    check(not wrong, "%d are missing or told to be, not both: %s" % (len(wrong), sorted(wrong)[:9]))
    equal((stats["lost_output"], stats["waiting"]), (len(lost), 0), "lost, waiting")
    check(len(lost) > 100, "records were lost: %d" % len(lost))
    r.close()


def a_head_that_is_kept_no_more(t):
    """The server stopped long ago, and the log has dropped the record it stopped at: one that holds another log's record
    there is not written to, the right one is."""
    link = os.path.join(t.folder, "link.sock")
    a, b = t.server(name="a"), t.server(name="b")
    other, url = os.path.join(t.folder, "other"), "unix://" + link

    def through(s, *args, log=None):
        os.symlink(s.path if s else link + "-nobody", link)
        stats = t.source("-W", 2000, *args, url, log=log).end()
        os.unlink(link)
        return stats

    equal(through(a, "-n", 100, log=other)["delivered"], 100, "of the other log, before")
    equal(through(b, "-n", 100)["delivered"], 100, "of this one")
    stats = through(None, "-n", 4000, "-m", 2, "-W", 0)
    equal(stats["delivered"], 0, "while nobody is there")
    first = min(int(n.rsplit("-", 1)[1][:20]) for n in glob.glob(os.path.join(t.log, SENSOR, "rec/*/*/*/*.jsonl")))
    check(first > 100, "the log begins behind that, at %d" % first)
    stats = through(a, "-n", 10, "-m", 2)
    equal(stats["delivered"], 0, "to the other one's server")
    check(any("another log" in line for line in stats["log"]), "it is told: %s" % stats["log"])
    r = Redis(a.path)
    equal(r("XLEN", key("alerts")), 100, "of the other log, alone")
    r.close()
    stats = through(b, "-n", 10, "-m", 2, "-W", 20000)
    equal(stats["waiting"], 0, "waiting for the right one")
    r = Redis(b.path)
    check(r("XLEN", key("alerts")) > 1000, "it got what was kept")
    r.close()


def answered_in_part(t):
    """In the middle of a transaction a single command is said to have failed, and more than a batch waits behind it: the
    server is asked for each, nothing comes twice, and nothing that was read ahead is forgotten."""
    s = t.server()
    p = Proxy(t.folder, s.path)
    p.spoils = 3
    stats = t.source("-b", "-n", 4000, "-R", "-W", 30000, "unix://" + p.path).end(60)
    p.close()
    equal(p.lost, 3, "answers that were changed")
    check(any("made up" in line for line in stats["log"]), "the cause is told: %s" % stats["log"])
    equal((stats["lost"], stats["waiting"]), (0, 0), "lost, waiting")
    r = Redis(s.path)
    equal(sent(same(t.log, r, REPLAY)), list(range(4000)), "what was sent")
    r.close()


SCENARIOS = [order_over_an_outage, order_after_a_restart, full_batches, memory_is_flat, a_lone_record, a_segment_is_cut,
             a_head_that_is_kept_no_more, answered_in_part]


if __name__ == "__main__":
    sys.exit(run_scenarios(SCENARIOS, __doc__, jobs=1))
