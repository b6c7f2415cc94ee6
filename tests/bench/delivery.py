#!/usr/bin/python3
"""How fast records come into Redis, beside redis-benchmark's XADD into the same server in the same run.

    tests/bench/delivery.py build/release/e2e/alert_source

alert_source makes alerts of about 700 bytes and tells them as workers do; what is measured goes through queue, writer,
log (with its fdatasync) and the Redis thread.  The ratios are what to compare: absolute numbers are this machine's,
which server, sensor and disk share."""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from redis_lib import Memory, Redis, Server, Source, check, equal, key, told_us  # noqa: E402

NAME = "fra1-replay"  # alert_source -R: nothing is lost for want of room in a queue
RECORDS = int(os.environ.get("BENCH_RECORDS", "200000"))
BACKLOG = int(os.environ.get("BENCH_BACKLOG", "500000"))
RUNS = int(os.environ.get("BENCH_DELIVERY_RUNS", "3"))
ENOUGH_S = 12  # no further run of the same server after that: a busy machine
EVERYSEC = ("--appendonly", "yes", "--appendfsync", "everysec")


class Bench:
    def __init__(self, program):
        self.program, self.servers, self.sources = program, [], []

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="leaktap-bench-")
        return self

    def __exit__(self, *_):
        for src in self.sources:
            if src.p.poll() is None:
                src.p.kill()
                src.p.wait()
        for s in self.servers:
            s.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def server(self, *options):
        folder = tempfile.mkdtemp(dir=self.folder)
        s = Server(folder, *options)
        self.servers.append(s)
        return s

    def gone(self, s):
        s.kill()
        shutil.rmtree(s.folder, ignore_errors=True)

    def source(self, log, *args):
        self.sources.append(Source(self.program, log, "-b", *args))
        return self.sources[-1]


def sustained(b, s):
    """Records a second from the first told to the last one delivered, and an entry as it came."""
    log = tempfile.mkdtemp(dir=b.folder)
    began = time.monotonic()
    stats = b.source(log, "-R", "-n", RECORDS, "-W", 60000, s.url).end(120)
    took = time.monotonic() - began
    equal(stats["delivered"], RECORDS, "delivered")
    r = Redis(s.path)
    entry = r("XREVRANGE", key("alerts", NAME), "+", "-", "COUNT", "1")[0][1]
    r("FLUSHALL", "SYNC")
    r.close()
    shutil.rmtree(log)
    return RECORDS / took, entry


def benchmark(s, entry, clients, pipeline):
    """The same fields and values, by redis-benchmark: no log, IDs made by the server, nothing checked."""
    p = subprocess.run(["redis-benchmark", "-s", s.path, "-c", str(clients), "-P", str(pipeline), "-n", str(RECORDS),
                        "-q", "XADD", "bench", "*", *entry], capture_output=True, text=True, timeout=120, check=True)
    rates = re.findall(r"([0-9.]+) requests per second", p.stdout)
    check(rates, "redis-benchmark says how fast it was: " + p.stdout[-200:])
    r = Redis(s.path)
    r("FLUSHALL", "SYNC")
    r.close()
    return float(rates[-1])


def throughput(b):
    print("%-16s %12s %22s %22s" % ("", "leaktap/s", "8 clients of 16: /s", "1 client of 256: /s"))
    for name, options in (("no AOF", ()), ("AOF everysec", EVERYSEC)):
        s = b.server(*options)
        own, many, one = [], [], []
        began = time.monotonic()
        while len(own) < RUNS and (not own or time.monotonic() - began < ENOUGH_S):
            rate, entry = sustained(b, s)
            own.append(rate)
            many.append(benchmark(s, entry, 8, 16))
            one.append(benchmark(s, entry, 1, 256))
        rate, many, one = map(statistics.median, (own, many, one))
        print("%-16s %12.0f %12.0f (x %.2f) %13.0f (x %.2f)   %d bytes of JSON; %.0f to %.0f/s" % (
            name, rate, many, rate / many, one, rate / one, len(entry[-1]), min(own), max(own)))
        b.gone(s)


def latencies(b, s, n, rate):
    """Milliseconds from the event told to a reader that waits in XREAD having it."""
    log, out = tempfile.mkdtemp(dir=b.folder), []
    r = Redis(s.path)
    r.s.settimeout(30)
    src = b.source(log, "-n", n, "-r", rate, "-q", 65536, "-W", 20000, s.url)
    last = "0-0"
    while len(out) < n:
        answer = r("XREAD", "BLOCK", "20000", "STREAMS", key("alerts"), last)
        now = time.time()
        check(answer, "records come")
        for last, words in answer[0][1]:
            out.append(now * 1000 - told_us(words[-1]) / 1000)
    stats = src.end(60)
    equal(stats["lost"], 0, "lost")
    r.close()
    shutil.rmtree(log)
    return sorted(out)


def latency(b):
    s = b.server(*EVERYSEC)
    t = latencies(b, s, 8000, 1000)
    print("told to readable at 1,000/s: p50 %.1f ms, p99 %.1f ms, most %.1f ms" % (
        t[len(t) // 2], t[len(t) * 99 // 100], t[-1]))
    b.gone(s)
    s = b.server(*EVERYSEC)
    t = latencies(b, s, 4, 1)
    print("a lone record, 1/s: %.1f to %.1f ms" % (t[0], t[-1]))
    b.gone(s)


def wait_index(path, index, seconds=120):
    r, end = Redis(path), time.monotonic() + seconds
    while time.monotonic() < end:
        at = r("HGET", key("head", NAME), "index")
        if at and int(at) >= index:
            r.close()
            return time.monotonic()
        time.sleep(0.002)
    raise AssertionError("index %d did not come" % index)


def outage(b):
    """Nobody listens while BACKLOG records are made; then the server is there."""
    away = "unix://" + os.path.join(b.folder, "away.sock")
    log = tempfile.mkdtemp(dir=b.folder)
    src = b.source(log, "-R", "-n", BACKLOG, "-W", 0, away)
    memory = Memory(src.p.pid)
    stats = src.end(120)
    memory.join()
    seen = memory.seen
    print("Redis away for %d records (%.1f s): resident %.1f MiB after a tenth of the time, %.1f MiB at the end, most "
          "%.1f MiB" % (BACKLOG, stats["seconds"], seen[len(seen) // 10], seen[-1], max(seen)))
    equal((stats["waiting"], stats["lost"]), (BACKLOG, 0), "waiting, lost")
    copy = log + "-2"
    shutil.copytree(log, copy)
    for folder, new, rate in ((log, 1, 0), (copy, 20000, 10000)):
        folder_ = tempfile.mkdtemp(dir=b.folder)
        s = Server(folder_, *EVERYSEC, name="redis")
        b.servers.append(s)
        link = os.path.join(b.folder, "away.sock")
        os.symlink(s.path, link)  # the same output as before: the log knows how far it was
        began = time.monotonic()
        src = b.source(folder, "-R", "-n", new, "-r", rate, "-W", 60000, away)
        caught_up = wait_index(s.path, BACKLOG)
        stats = src.end(120)
        equal((stats["waiting"], stats["lost"]), (0, 0), "waiting, lost")
        r = Redis(s.path)
        equal(r("XLEN", key("alerts", NAME)), BACKLOG + new, "all of them")
        r.close()
        print("catch-up, %s: %.0f/s" % ("while %d/s new ones come" % rate if rate else "nothing new",
                                        BACKLOG / (caught_up - began)))
        os.unlink(link)
        b.gone(s)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
        print("delivery: redis-server or redis-benchmark is not installed: left out")
        return
    sys.stdout.reconfigure(line_buffering=True)
    print("\nDelivery into redis-server over its unix socket, log and server on one disk, %d processors" % os.cpu_count())
    with Bench(sys.argv[1]) as b:
        throughput(b)
        latency(b)
        outage(b)


if __name__ == "__main__":
    main()
