"""What the tests of delivery share: a redis-server of their own, runs of alert_source, and the comparison of what
was sent with the log and with Redis."""
import calendar
import concurrent.futures
import datetime
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SENSOR = "fra1"


class Redis:
    """One connection; just enough RESP for these tests."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(10)
        self.s.connect(path)
        self.f = self.s.makefile("rb")

    def __call__(self, *words):
        out = [b"*%d\r\n" % len(words)]
        for w in words:
            b = w if isinstance(w, bytes) else str(w).encode()
            out.append(b"$%d\r\n%s\r\n" % (len(b), b))
        self.s.sendall(b"".join(out))
        return self.reply()

    def reply(self, inside=False):
        line = self.f.readline()
        if inside and not line or line and not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection within a reply")
        line = line[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply(True) for _ in range(int(rest))]
        if kind == b"$":
            if rest == b"-1":
                return None
            data = self.f.read(int(rest) + 2)
            if len(data) < int(rest) + 2:
                raise ConnectionError("the server closed the connection within a reply")
            return data[:-2].decode()
        if kind == b":":
            return int(rest)
        if kind == b"-":
            return Exception(rest.decode())
        return rest.decode()

    def close(self):
        self.f.close()
        self.s.close()


class Server:
    def __init__(self, folder, *options, name="redis", before=()):
        self.folder, self.options, self.before = folder, options, before
        self.path = os.path.join(folder, name + ".sock")
        self.url = "unix://" + self.path
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [*self.before, "redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", self.folder,
             "--logfile", os.path.join(self.folder, "redis.out"), *self.options], stdout=subprocess.DEVNULL)
        for _ in range(500):
            try:
                r = Redis(self.path)
                ready = r("PING") == "PONG" or not self.plain()
                r.close()
                if ready:
                    return
            except (OSError, ValueError):
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def plain(self):
        return "--requirepass" not in self.options

    def kill(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait()
            self.process = None


class Source:
    """A run of alert_source; keeps its log below `log`."""

    def __init__(self, program, log, *args, env=None, before=()):
        self.p = subprocess.Popen([*before, program, "-d", log, *map(str, args)], stderr=subprocess.PIPE, text=True,
                                  env={**os.environ, **(env or {})})

    def end(self, timeout=60):
        try:
            _, err = self.p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.p.kill()
            raise
        lines = err.strip().splitlines()
        if self.p.returncode or not lines:
            raise AssertionError("alert_source: status %s: %s" % (self.p.returncode, err[-2000:]))
        stats = json.loads(lines[-1])
        stats["log"] = lines[:-1]
        lost = sum(stats[k] for k in ("lost_queue", "lost_log", "lost_output", "lost_stop"))
        equal(stats["made"], stats["delivered"] + stats["waiting"] + lost, "made = delivered + waiting + lost")
        stats["lost"] = lost
        return stats


class Memory(threading.Thread):
    """Resident memory of a process, MiB, every 10 ms until it ends."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.seen = pid, []
        self.start()

    def run(self):
        while True:
            try:
                with open("/proc/%d/status" % self.pid, encoding="ascii") as f:
                    rss = re.search(r"VmRSS:\s+(\d+)", f.read())
            except OSError:
                return
            if not rss:
                return
            self.seen.append(int(rss.group(1)) / 1024)
            time.sleep(0.01)


def told_us(text):
    """The member `time` of a record's JSON, microseconds since 1970."""
    time_ = re.search(r'"time":"([^"]+)"', text).group(1)
    return milliseconds(time_) * 1000 + int(time_[23:26])


def equal(a, b, what):
    if a != b:
        raise AssertionError("%s: %r is not %r" % (what, a, b))


def check(good, what):
    if not good:
        raise AssertionError(what)


def key(what, sensor=SENSOR):
    return "leaktap:{%s}:%s" % (sensor, what)


def entries(r, what="alerts", sensor=SENSOR):
    """All entries of a stream as (id, fields), each held against what must be true of any entry."""
    out, last = [], (0, 0)
    start = "-"
    while True:
        part = r("XRANGE", key(what, sensor), start, "+", "COUNT", 5000)
        if isinstance(part, Exception):
            raise part
        for id_, words in part:
            f = dict(zip(words[::2], words[1::2]))
            ms, seq = map(int, id_.split("-"))
            check((ms, seq) > last, "IDs grow")
            last = (ms, seq)
            rec = json.loads(f["json"])
            equal(f["hash"], hashlib.sha256(f["json"].encode() + b"\n").hexdigest(), "hash of the line")
            equal(rec["ordinal"], int(f["ordinal"]), "ordinal field")
            equal(rec["id"], "%s/%d" % (sensor, seq), "id is the index")
            out.append((id_, f, rec))
        if len(part) < 5000:
            return out
        start = "(" + part[-1][0]


def ordinals(r, what="alerts", sensor=SENSOR):
    return [rec["ordinal"] for _, _, rec in entries(r, what, sensor)]


def missing(found, made):
    check(len(found) == len(set(found)), "no ordinal twice")
    return set(range(1, made + 1)) - set(found)


def log_lines(folder, sensor=SENSOR):
    """Every line of the log in order, each held against what must be true of any: [(index, record, line)]."""
    names = sorted(glob.glob(os.path.join(folder, sensor, "rec/*/*/*/*.jsonl")), key=lambda n: n.rsplit("-", 1)[1])
    out, logged = [], ""
    for name in names:
        with open(name, "rb") as f:
            data = f.read()
        check(not data or data.endswith(b"\n"), name + " ends with a whole line")
        first = int(name.rsplit("-", 1)[1][:20])
        for n, line in enumerate(data.decode().splitlines()):
            rec = json.loads(line)
            index = int(rec["id"].rsplit("/", 1)[1])
            equal(index, first + n, "indexes are dense in " + name)
            check(not out or index == out[-1][0] + 1, "segments follow each other")
            check(rec["logged"] >= logged, "logged never decreases")
            logged = rec["logged"]
            out.append((index, rec, line))
    return out


def milliseconds(text):
    t = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    return calendar.timegm(t.timetuple()) * 1000 + t.microsecond // 1000


def streams(r, sensor=SENSOR):
    return {id_: (what, f["json"]) for what in ("alerts", "flows", "health") for id_, f, _ in entries(r, what, sensor)}


def same(folder, r, sensor=SENSOR, first=1):
    """Redis has every record of the log from that index on exactly once under its ID, and nothing else."""
    there, log = streams(r, sensor), [x for x in log_lines(folder, sensor) if x[0] >= first]
    check(log, "there is something in the log")
    for index, rec, line in log:
        id_ = "%d-%d" % (milliseconds(rec["logged"]), index)
        what = {"alert": "alerts", "flow": "flows"}.get(rec["type"], "health")
        equal(there.get(id_), (what, line), "the record %d in Redis" % index)
    equal(len(there), len(log), "entries in Redis, records in the log")
    head = r("HGETALL", key("head", sensor))
    equal(dict(zip(head[::2], head[1::2]))["index"], str(log[-1][0]), "the head's index")
    return log


def sent(log):
    """The numbers of the alerts in the log, as alert_source counted them."""
    return [int(rec["summary"].rsplit("(", 1)[1][:-2]) for _, rec, _ in log if rec["type"] == "alert"]


def exact(server, folder, stats):
    """Everything that was sent is in the log, and all of it in Redis."""
    for again in range(5):
        r = Redis(server.path)
        try:
            log = same(folder, r)
            break
        except ConnectionError:  # each Sentinel that demotes a server closes its connections
            r.close()
            check(again < 4, "the server closes every connection")
    equal(sent(log), list(range(stats["alerts"])), "what was sent")
    equal([rec["ordinal"] for _, rec, _ in log if rec["type"] == "alert"], list(range(1, stats["alerts"] + 1)),
          "ordinals")
    r.close()
    return log


class Proxy:
    """Stands between sensor and server; what passes can be cut, or answered in the server's place.

    cuts      so many connections are cut when the answer to an EXEC comes: it is lost
    resets    so many are cut in the middle of a request: the server gets a part of it
    spoils    in so many answers to EXEC the ID of a record in the middle becomes an error
    error     answer every request with this instead of passing it on, one error for each command"""

    def __init__(self, folder, target):
        self.path, self.target = os.path.join(folder, "proxy.sock"), target
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        self.cuts = self.resets = self.spoils = self.lost = 0
        self.error = None
        self.open = True
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.open:
            try:
                a, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(a,), daemon=True).start()

    def serve(self, a):
        b = socket.socket(socket.AF_UNIX)
        try:
            b.connect(self.target)
            threading.Thread(target=self.up, args=(a, b), daemon=True).start()
            while data := b.recv(65536):
                if self.cuts and b"*" in data and b"-" in data:  # an EXEC's IDs
                    self.cuts -= 1
                    self.lost += 1
                    return
                if self.spoils and (exec_ := re.search(rb"\*\d+\r\n((?:\$\d+\r\n\d+-\d+\r\n){9,}):", data)):
                    ids = exec_.group(1).split(b"$")
                    ids[len(ids) // 2] = b"-OOM made up\r\n"
                    data = data[:exec_.start(1)] + b"$".join(ids).replace(b"$-", b"-") + data[exec_.end(1):]
                    self.spoils -= 1
                    self.lost += 1
                a.sendall(data)
        except OSError:
            pass
        finally:
            for s in (a, b):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()

    def up(self, a, b):
        # a server refuses a transaction as a whole: the answer does not change in the middle of one
        tail, inside, error = b"\r\n", False, None
        try:
            while data := a.recv(65536):
                if not inside:
                    error = self.error
                seen = tail + data
                inside = seen.rfind(b"\r\nMULTI\r\n") > seen.rfind(b"\r\nEXEC\r\n") or (
                    inside and b"\r\nEXEC\r\n" not in seen)
                commands = seen[-len(data) - 2:].count(b"\r\n*")
                tail = seen[-16:]
                if error:
                    a.sendall(error * commands)
                    continue
                if self.resets and len(data) > 4000:
                    self.resets -= 1
                    self.lost += 1
                    b.sendall(data[:len(data) // 2])
                    break
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.open = False
        self.listener.close()


class Test:
    """One scenario's folder, servers and program."""

    def __init__(self, program, leaktap):
        self.program, self.leaktap = program, leaktap
        self.folder = tempfile.mkdtemp(prefix="leaktap-redis-")
        self.log = os.path.join(self.folder, "log")
        os.mkdir(self.log)
        self.servers, self.sources, self.children = [], [], []

    def server(self, *options, name="redis"):
        self.servers.append(Server(self.folder, *options, name=name))
        return self.servers[-1]

    def source(self, *args, log=None, **how):
        # a queue that the writer never fills, however busy the machine: who wants a small one says so (the last counts)
        self.sources.append(Source(self.program, log or self.log, "-q", 65536, *args, **how))
        return self.sources[-1]

    def file(self, name, text=""):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(text)
        os.rename(path + ".new", path)
        return path

    def end(self):
        for s in self.sources:
            if s.p.poll() is None:
                s.p.kill()
                s.p.communicate()
        for p in self.children:
            if p.poll() is None:
                p.kill()
                p.communicate()
        for s in self.servers:
            s.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- running scenarios ---------------------------------------------------------------------------------------


class Skip(Exception):
    """A scenario cannot run here; says why."""


def run_scenario(f, program, leaktap):
    """The line that tells what became of it."""
    t = Test(program, leaktap)
    start = time.monotonic()
    try:
        f(t)
        return "ok   %-28s %.1f s" % (f.__name__, time.monotonic() - start)
    except Skip as e:
        return "skip %s: %s" % (f.__name__, e)
    except Exception as e:  # pylint: disable=broad-except
        if os.environ.get("LEAKTAP_KEEP"):
            shutil.copytree(t.folder, t.folder + "-kept", ignore=lambda d, n: [x for x in n if x.endswith("sock")])
        return "FAIL %-28s %s: %s" % (f.__name__, type(e).__name__, str(e)[:1500])
    finally:
        t.end()


def run_scenarios(scenarios, usage, jobs):
    """[--leaktap PROGRAM] ALERT_SOURCE [SCENARIO...]: those named, or all, `jobs` at a time.  The exit status."""
    leaktap, argv = None, sys.argv[1:]
    if argv[:1] == ["--leaktap"]:
        leaktap, argv = argv[1], argv[2:]
    if not argv:
        print(usage, file=sys.stderr)
        return 2
    if not shutil.which("redis-server"):
        print("redis-server is not installed")
        return 77
    program, wanted = argv[0], [f for f in scenarios if not argv[1:] or f.__name__ in argv[1:]]
    failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(min(jobs, int(os.environ.get("LEAKTAP_JOBS", jobs)))) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_scenario, f, program, leaktap) for f in wanted]):
            line = done.result()
            failed += line.startswith("FAIL")
            skipped += line.startswith("skip")
            print(line, flush=True)
    print("%d passed, %d failed" % (len(wanted) - failed - skipped, failed) + (", %d skipped" % skipped if skipped else ""))
    return 1 if failed or not wanted else 0
