#!/usr/bin/env python3
"""Delivery into a real redis-server: every record exactly once and in order, whatever the server does.

    redis.py [--leaktap PROGRAM] ALERT_SOURCE [SCENARIO...]

Starts its own redis-server on a unix socket in a temporary directory and ends it by its pid.  Prints one line a
scenario and, last, "N passed, N failed".
"""
import hashlib
import json
import os
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

    def reply(self):
        line = self.f.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        if kind == b"$":
            if rest == b"-1":
                return None
            data = self.f.read(int(rest) + 2)[:-2]
            return data.decode()
        if kind == b":":
            return int(rest)
        if kind == b"-":
            return Exception(rest.decode())
        return rest.decode()

    def close(self):
        self.f.close()
        self.s.close()


class Server:
    def __init__(self, folder, *options, name="redis"):
        self.folder, self.options = folder, options
        self.path = os.path.join(folder, name + ".sock")
        self.url = "unix://" + self.path
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", self.folder,
             "--logfile", os.path.join(self.folder, "log"), *self.options], stdout=subprocess.DEVNULL)
        for _ in range(500):
            try:
                r = Redis(self.path)
                ready = r("PING") == "PONG" or not self.plain()
                r.close()
                if ready:
                    return
            except (OSError, ValueError):
                pass
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
    """A run of alert_source."""

    def __init__(self, program, *args):
        self.p = subprocess.Popen([program, *map(str, args)], stderr=subprocess.PIPE, text=True)

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
        lost = sum(stats[k] for k in ("lost_queue", "lost_pending", "lost_output", "lost_stop"))
        equal(stats["made"], stats["delivered"] + stats["waiting"] + lost, "made = delivered + waiting + lost")
        stats["lost"] = lost
        return stats


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


def exact(server, stats):
    """Everything made is there, once, in order."""
    r = Redis(server.path)
    got = ordinals(r)
    equal(got, list(range(1, stats["alerts"] + 1)), "ordinals")
    r.close()


# ---- scenarios -----------------------------------------------------------------------------------------------


def plain(t):
    s = t.server()
    stats = Source(t.program, "-n", 5000, "-R", "-f", s.url).end()
    r = Redis(s.path)
    equal(r("SMEMBERS", "leaktap:sensors"), [SENSOR + "-replay"], "set of sensors")
    got = entries(r, "alerts", SENSOR + "-replay")
    flows = entries(r, "flows", SENSOR + "-replay")
    equal([g[2]["ordinal"] for g in got], list(range(1, 5001)), "alerts")
    equal([g[2]["ordinal"] for g in flows], list(range(1, 5001)), "flows")
    equal(got[0][1]["severity"], "critical", "severity field")
    equal(got[0][1]["service"], "openai-api", "service field")
    check("kind" not in flows[0][1], "flows have no kind")
    words = r("HGETALL", key("head", SENSOR + "-replay"))
    head = dict(zip(words[::2], words[1::2]))
    equal(int(head["index"]), 10000, "head index")
    last = max((got[-1], flows[-1]), key=lambda e: int(e[0].split("-")[1]))
    equal((head["id"], head["hash"], head["size"]), (last[0], last[1]["hash"], "10000"), "head")
    equal(stats["lost"], 0, "lost")
    r.close()


def restarts_of_the_sensor(t):
    """Index and IDs go on over runs; ordinals begin again."""
    s = t.server()
    for _ in range(3):
        stats = Source(t.program, "-n", 100, s.url).end()
        equal(stats["lost"], 0, "lost")
    r = Redis(s.path)
    got = entries(r)
    equal([e[2]["id"] for e in got], ["fra1/%d" % i for i in range(1, 301)], "ids")
    equal([e[2]["ordinal"] for e in got], list(range(1, 101)) * 3, "ordinals")
    r.close()


def clock_behind_the_stream(t):
    """A stream whose last ID lies in the future (the clock stepped back): IDs still grow, nothing is lost."""
    s = t.server()
    r = Redis(s.path)
    r("XADD", key("alerts"), "9999999999999-7", "json", "x")
    stats = Source(t.program, "-n", 300, s.url).end()
    equal(stats["delivered"], 300, "delivered")
    part = r("XRANGE", key("alerts"), "(9999999999999-7", "+")
    equal(len(part), 300, "entries above it")
    r.close()


def killed_and_restarted(t):
    """kill -9 and start again, AOF everysec: acknowledged records may be rolled back, and are sent again."""
    s = t.server("--appendonly", "yes", "--appendfsync", "everysec")
    src = Source(t.program, "-n", 8000, "-r", 2000, "-W", 40000, "-p", 20000, s.url)
    for _ in range(3):
        time.sleep(0.7)
        s.kill()
        time.sleep(0.2)
        s.start()
    stats = src.end(90)
    equal(stats["lost"], 0, "lost")
    exact(s, stats)


def emptied_server(t):
    """The server comes back with nothing: what is still kept is sent again, the rest counted as lost."""
    s = t.server()
    src = Source(t.program, "-n", 6000, "-r", 3000, "-W", 40000, "-p", 2000, s.url)
    time.sleep(1.2)
    s.kill()
    s.start()
    stats = src.end(90)
    r = Redis(s.path)
    got = ordinals(r)
    equal(len(got), stats["delivered"] - len(entries(r, "health")), "delivered")
    gone = missing(got, stats["alerts"])
    equal(len(gone), stats["lost"], "missing ordinals are the counted losses")
    r.close()


def stopped_server(t):
    """SIGSTOP for longer than the reply timer, then SIGCONT: the batch in doubt is settled."""
    s = t.server()
    src = Source(t.program, "-n", 4000, "-r", 2000, "-W", 40000, "-p", 20000, s.url)
    time.sleep(0.5)
    s.process.send_signal(signal.SIGSTOP)
    time.sleep(6)
    s.process.send_signal(signal.SIGCONT)
    stats = src.end(90)
    equal(stats["lost"], 0, "lost")
    exact(s, stats)


def down_with_a_small_queue(t):
    """A queue of 1,000 and 5,000 alerts made while the server is away: the missing ordinals are the losses."""
    s = t.server()
    src = Source(t.program, "-n", 6500, "-r", 2000, "-p", 1000, "-W", 40000, s.url)
    time.sleep(0.3)
    s.process.send_signal(signal.SIGTERM)
    s.process.wait()
    time.sleep(2.7)
    s.start()
    stats = src.end(90)
    r = Redis(s.path)
    got = ordinals(r)
    # the server kept nothing over the restart: what it had taken and the sensor no longer kept is lost too
    gone = missing(got, stats["alerts"])
    check(stats["lost"] > 2000, "something was lost: %s" % stats)
    own = missing(ordinals(r, "health"), stats["sensor"])
    equal(len(gone) + len(own), stats["lost"], "missing ordinals are the counted losses: %s" % stats)
    health = [h[2] for h in entries(r, "health")]
    told = [h for h in health if h["kind"] == "sensor.delivery"]
    check(told, "the loss is told as sensor.delivery")
    equal(sum(h["counters"]["lost_alerts"] for h in told), stats["lost_pending"], "and how many")
    for h in told:
        c = h["counters"]
        inside = [o for o in gone if c["first_alert"] <= o <= c["last_alert"]]
        check(len(inside) >= c["lost_alerts"], "and which")
    r.close()


def never_there(t):
    """No server at all: everything is lost at the end, and counted; the run is not held up."""
    start = time.monotonic()
    stats = Source(t.program, "-n", 3000, "-p", 1000, "-W", 300, "unix://" + t.folder + "/none.sock").end()
    equal(stats["delivered"], 0, "delivered")
    equal(stats["lost"], stats["made"], "lost")
    check(time.monotonic() - start < 6, "it took too long")


def started_late(t):
    s = t.server()
    s.kill()
    src = Source(t.program, "-n", 3000, "-r", 1500, "-W", 40000, s.url)
    time.sleep(1)
    s.start()
    stats = src.end(90)
    equal(stats["lost"], 0, "lost")
    exact(s, stats)


def out_of_memory(t):
    """maxmemory reached and lifted: refused batches are refused whole and come again."""
    s = t.server("--maxmemory-policy", "noeviction")
    r = Redis(s.path)
    src = Source(t.program, "-n", 6000, "-r", 2000, "-W", 40000, "-p", 20000, s.url)
    for _ in range(3):
        time.sleep(0.4)
        r("CONFIG", "SET", "maxmemory", "1mb")
        time.sleep(0.4)
        r("CONFIG", "SET", "maxmemory", "0")
    stats = src.end(90)
    equal(stats["lost"], 0, "lost")
    said = sum("OOM" in line for line in stats["log"])
    check(1 <= said <= 3, "the cause is told once for each outage, not %d times" % said)
    exact(s, stats)
    r.close()


def password(t):
    s = t.server("--requirepass", "correct horse")
    secret = os.path.join(t.folder, "password")
    with open(secret, "w", encoding="ascii") as f:
        f.write("correct horse\n")
    stats = Source(t.program, "-n", 100, "-P", secret, s.url).end()
    equal(stats["delivered"], 100, "with the password file")
    url = "unix://:correct%20horse@" + s.path
    equal(Source(t.program, "-n", 100, url).end()["delivered"], 100, "with the URL")
    stats = Source(t.program, "-n", 100, "-W", 300, "unix://:wr0ng-secret@" + s.path).end()
    equal(stats["delivered"], 0, "with a wrong one")
    equal(stats["lost"], 100, "lost")
    log = "\n".join(stats["log"])
    check("WRONGPASS" in log, "the cause is told: " + log)
    check("wr0ng" not in log, "the password is not")
    if t.leaktap:
        p = subprocess.Popen([t.leaktap, "run", "-q", "-r", "-", "-o", "unix://:wr0ng-secret@" + s.path],
                             stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with open("/proc/%d/cmdline" % p.pid, "rb") as f:
                arguments = f.read()
            if b"wr0ng" not in arguments and b"://" in arguments:
                break
            time.sleep(0.05)
        p.kill()
        p.communicate()
        check(b"wr0ng" not in arguments and b"run" in arguments, "ps shows the password: %r" % arguments)


def replica(t):
    """A read-only replica is not written to; once it is promoted, it is."""
    s = t.server()
    r = Redis(s.path)
    r("REPLICAOF", "127.0.0.1", "1")
    src = Source(t.program, "-n", 1000, "-r", 1000, "-W", 40000, s.url)
    time.sleep(0.5)
    equal(r("EXISTS", key("alerts")), 0, "nothing written to a replica")
    r("REPLICAOF", "NO", "ONE")
    time.sleep(0.4)
    stats = src.end(90)
    equal(stats["lost"], 0, "lost")
    check(any("replica" in line for line in stats["log"]), "the cause is told")
    exact(s, stats)
    r.close()


def no_multi(t):
    """A user without the permission for MULTI: found out before anything is written."""
    s = t.server()
    r = Redis(s.path)
    r("ACL", "SETUSER", "lt", "on", ">pw", "~leaktap:*", "&*", "+@all", "-multi")
    stats = Source(t.program, "-n", 100, "-W", 300, "unix://lt:pw@" + s.path).end()
    equal(stats["delivered"], 0, "delivered")
    equal(r("EXISTS", key("alerts")), 0, "nothing written")
    check(any("NOPERM" in line for line in stats["log"]), "the cause is told")
    r("ACL", "SETUSER", "lt", "resetkeys", "~leaktap:*", "resetchannels", "-@all", "+auth", "+ping", "+multi",
      "+exec", "+xadd", "+xinfo|stream", "+xrange", "+hset", "+hgetall", "+client|setname", "+role")
    stats = Source(t.program, "-n", 100, "unix://lt:pw@" + s.path).end()
    equal(stats["delivered"], 100, "with the documented permissions, without SADD and PUBLISH")
    r.close()


class Proxy:
    """Stands between sensor and server and cuts the connection after it passed a request on: the reply is lost."""

    def __init__(self, folder, target):
        self.path, self.target = os.path.join(folder, "proxy.sock"), target
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.cuts, self.lost = 0, 0
        self.open = True
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.open:
            try:
                a, _ = self.listener.accept()
            except OSError:
                return
            try:
                b = socket.socket(socket.AF_UNIX)
                b.connect(self.target)
                self.serve(a, b)
            except OSError:
                pass
            for s in (a, b):
                s.close()

    def serve(self, a, b):
        stop = threading.Event()

        def up():
            try:
                while data := a.recv(65536):
                    b.sendall(data)
            except OSError:
                pass
            stop.set()
            try:
                b.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

        threading.Thread(target=up, daemon=True).start()
        while data := b.recv(65536):
            if self.cuts and b"*" in data and b"-" in data:  # an EXEC's IDs
                self.cuts -= 1
                self.lost += 1
                a.shutdown(socket.SHUT_RDWR)
                return
            a.sendall(data)


def lost_replies(t):
    """The server took the batch, its answer never came: nothing twice, nothing missing."""
    s = t.server()
    p = Proxy(t.folder, s.path)
    src = Source(t.program, "-n", 5000, "-r", 2500, "-W", 40000, "-p", 20000, "unix://" + p.path)
    for _ in range(8):
        time.sleep(0.2)
        p.cuts += 1
    stats = src.end(90)
    p.open = False
    p.listener.close()
    check(p.lost >= 3, "replies were lost: %d" % p.lost)
    equal(stats["lost"], 0, "lost")
    exact(s, stats)


def tls(t):
    """Chain and name are checked; the client's certificate is shown when the server asks for one."""
    ca, cert_key = os.path.join(t.folder, "ca.pem"), os.path.join(t.folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", cert_key, "-out", ca, "-days", "2", "-subj", "/CN=redis",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"], check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    s = t.server("--tls-port", str(port), "--tls-cert-file", ca, "--tls-key-file", cert_key, "--tls-ca-cert-file", ca,
                 "--bind", "127.0.0.1", "127.0.0.2")
    # the certificate serves as the client's too: redis asks for one by default
    mutual = ("-C", ca, "-E", ca, "-K", cert_key)
    good = "rediss://127.0.0.1:%d" % port
    stats = Source(t.program, "-n", 500, *mutual, good).end()
    equal(stats["delivered"], 500, "with the right authority and address")
    try:
        socket.getaddrinfo("localhost", port)
    except OSError:
        pass  # a machine without /etc/hosts
    else:
        stats = Source(t.program, "-n", 500, *mutual, "rediss://localhost:%d" % port).end()
        equal(stats["delivered"], 500, "with the right name")
    for url, options, cause in (("rediss://127.0.0.2:%d" % port, mutual, "IP address mismatch"),
                                (good, ("-E", ca, "-K", cert_key), "self-signed"),
                                (good, ("-C", ca), "")):
        stats = Source(t.program, "-n", 10, "-W", 300, *options, url).end()
        equal(stats["delivered"], 0, "delivered to " + url)
        check(any(cause in line for line in stats["log"]), "the cause is told: %s" % stats["log"])
    check(s.process.poll() is None, "the server lives")


def second_writer(t):
    """Two processes under one name are told of, and still nothing is lost or doubled."""
    s = t.server()
    a = Source(t.program, "-n", 1500, "-r", 1000, "-W", 20000, s.url)
    b = Source(t.program, "-n", 1500, "-r", 1000, "-W", 20000, s.url)
    sa, sb = a.end(60), b.end(60)
    r = Redis(s.path)
    words = [f for _, f in r("XRANGE", key("alerts"), "-", "+")]
    equal(len(words), 3000, "entries")
    equal(sa["lost"] + sb["lost"], 0, "lost")
    r.close()


def live_channel(t):
    s = t.server()
    r = Redis(s.path)
    r("SUBSCRIBE", "leaktap:live")
    stats = Source(t.program, "-n", 50, "-r", 100, s.url).end()
    equal(stats["delivered"], 50, "delivered")
    first = json.loads(r.reply()[2])
    equal(first["type"], "alert", "what is published")
    r.close()


def rude_server(t):
    """What a server says in its errors moves no cursor."""
    path = os.path.join(t.folder, "rude.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve():
        while True:
            try:
                c, _ = listener.accept()
            except OSError:
                return
            with c:
                while c.recv(4096):
                    c.sendall(b"-NOPERM \x1b]0;owned\x07 \xc2\x9b2J\r\n")

    threading.Thread(target=serve, daemon=True).start()
    said = Source(t.program, "-n", 1, "-W", 300, "unix://" + path).end()["log"]
    if t.leaktap:
        out = subprocess.run([t.leaktap, "watch", "--redis", "unix://" + path, "--no-follow"], capture_output=True,
                             text=True, timeout=20, check=False)
        equal(out.returncode, 1, "status of watch")
        said.append(out.stderr)
    listener.close()
    check(any("NOPERM" in line for line in said), "the error is told")
    check(not any(c in line for line in said for c in "\033\x07\x9b"), "control characters stay out")


def watch(t):
    """leaktap watch: what is there, what comes, from a sensor that appears later, over a restart of the server."""
    if not t.leaktap:
        return
    s = t.server("--appendonly", "yes", "--appendfsync", "always")
    Source(t.program, "-n", 5, s.url).end()

    def run(*args):
        return subprocess.run([t.leaktap, "watch", "--redis", s.url, *args], capture_output=True, text=True,
                              timeout=30, check=False)

    out = run("--no-follow", "--json")
    equal([json.loads(line)["ordinal"] for line in out.stdout.splitlines()], [1, 2, 3, 4, 5], "what is there")
    equal(out.returncode, 0, "status")
    equal(len(run("--since", "1h", "--count", "3", "--json").stdout.splitlines()), 3, "--count")
    shown = run("--no-follow", "--min-severity", "critical").stdout
    equal(shown.count("CRITICAL"), 5, "blocks")
    check("\033" not in shown, "no colour into a pipe")
    r = Redis(s.path)
    r("XADD", key("alerts"), "*", "json", '{"type":"alert","severity":"low","id":"x\\u001b[2J\x07"}')
    shown = run("--no-follow").stdout
    check("LOW" in shown and "\033" not in shown and "\x07" not in shown, "control characters stay out")
    shown = run("--no-follow", "--json")
    check("\033" not in shown.stdout and "\x07" not in shown.stdout, "no control characters as JSON either")
    check("no record" in shown.stderr, "what is passed over is told")
    equal(run("--no-follow", "--min-severity", "high", "--json").stdout.count("\n"), 5, "--min-severity")
    r.close()

    follow = subprocess.Popen([t.leaktap, "watch", "--redis", s.url, "--json", "--count", "8"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1)
    Source(t.program, "-n", 4, s.url).end()
    s.kill()
    s.start()
    Source(t.program, "-n", 4, "-s", "later", s.url).end()
    out, err = follow.communicate(timeout=40)
    equal([json.loads(line)["sensor"] for line in out.splitlines()], [SENSOR] * 4 + ["later"] * 4, "what comes")
    equal(err.count("trying again"), 1, "the outage is said once")
    for args, status in ((["--bogus"], 2), (["--since", "x"], 2), (["--min-severity", "loud"], 2), ([], 2),
                         (["--redis", "unix:///nonexistent/redis.sock", "--no-follow"], 1)):
        run_ = subprocess.run([t.leaktap, "watch", *args], capture_output=True, text=True, timeout=20, check=False,
                              env={**os.environ, "LEAKTAP_CONFIG": ""})
        equal(run_.returncode, status, "status of %s: %s" % (args, run_.stderr))


SCENARIOS = [plain, restarts_of_the_sensor, clock_behind_the_stream, killed_and_restarted, emptied_server,
             stopped_server, down_with_a_small_queue, never_there, started_late, out_of_memory, password, replica,
             no_multi, tls, lost_replies, second_writer, live_channel, rude_server, watch]


class Test:
    def __init__(self, program, leaktap):
        self.program, self.leaktap = program, leaktap
        self.folder = tempfile.mkdtemp(prefix="leaktap-redis-")
        self.servers = []

    def server(self, *options):
        self.servers.append(Server(self.folder, *options))
        return self.servers[-1]

    def end(self):
        for s in self.servers:
            s.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    leaktap = None
    if sys.argv[1:2] == ["--leaktap"]:
        leaktap = sys.argv[2]
        del sys.argv[1:3]
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    if not shutil.which("redis-server"):
        print("redis: redis-server is not installed")
        return 77
    passed = failed = 0
    for scenario in SCENARIOS:
        if sys.argv[2:] and scenario.__name__ not in sys.argv[2:]:
            continue
        t = Test(sys.argv[1], leaktap)
        start = time.monotonic()
        try:
            scenario(t)
            passed += 1
            print("ok   %-26s %.1f s" % (scenario.__name__, time.monotonic() - start), flush=True)
        except Exception as e:  # pylint: disable=broad-except
            failed += 1
            print("FAIL %-26s %s: %s" % (scenario.__name__, type(e).__name__, e), flush=True)
        finally:
            t.end()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
