#!/usr/bin/env python3
"""Delivery into a real redis-server: every record exactly once and in order, whatever the server does.

    redis.py [--leaktap PROGRAM] ALERT_SOURCE [SCENARIO...]

Starts its own redis-server on a unix socket in a temporary directory and ends it by its pid.  Prints one line a
scenario and, last, "N passed, N failed".
"""
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from redis_lib import *  # noqa: E402,F403


# ---- scenarios -----------------------------------------------------------------------------------------------


def plain(t):
    s = t.server()
    stats = t.source("-n", 5000, "-R", "-f", s.url).end()
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
    """Index, IDs and ordinals go on over runs; a run that ended in order leaves no gap."""
    s = t.server()
    for _ in range(3):
        stats = t.source("-n", 100, s.url).end()
        equal(stats["lost"], 0, "lost")
    r = Redis(s.path)
    got = entries(r)
    equal([e[2]["id"] for e in got], ["fra1/%d" % i for i in range(1, 301)], "ids")
    equal([e[2]["ordinal"] for e in got], list(range(1, 301)), "ordinals")
    same(t.log, r)
    r.close()


def stream_in_the_future(t):
    """A stream whose last ID lies in the future: a person is told, and once it is gone everything is delivered."""
    s = t.server()
    r = Redis(s.path)
    r("XADD", key("alerts"), "9999999999999-7", "json", "x")
    src = t.source("-n", 300, "-W", 40000, s.url)
    time.sleep(1)
    equal(r("XLEN", key("alerts")), 1, "nothing is written beside it")
    r("DEL", key("alerts"))
    stats = src.end()
    check(any("9999999999999-7" in line for line in stats["log"]), "the ID is told: %s" % stats["log"])
    exact(s, t.log, {"alerts": 300})
    r.close()


class Between(Proxy):
    """Once armed, it lets something happen between an EXEC and what follows."""

    armed = None

    def up(self, a, b):
        try:
            while data := a.recv(65536):
                at = data.find(b"$4\r\nEXEC\r\n") + 10
                if self.armed and at >= 10:
                    b.sendall(data[:at])
                    time.sleep(0.1)
                    self.armed()
                    self.armed, data = None, data[at:]
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            s.close()


def entry_in_between(t):
    """An entry of somebody else that no WATCH can see: what its ID keeps out of the one stream is told, each record of
    it and no other; the flows of the same transaction are there.  Taken away as docs/redis.md says, the rest comes."""
    s = t.server()
    r = Redis(s.path)
    proxy = Between(t.folder, s.path)
    src = t.source("-n", 1200, "-r", 300, "-f", "-W", 60000, "unix://" + proxy.path)
    time.sleep(1)
    proxy.armed = lambda: r("XADD", key("alerts"), "9999999999999-0", "json", "x")
    time.sleep(2)
    equal(r("XDEL", key("alerts"), "9999999999999-0"), 1, "the entry is there")
    equal(r("XSETID", key("alerts"), r("HGET", key("head"), "id")), "OK", "set back")
    stats = src.end(90)
    log = log_lines(t.log)
    gaps = [rec for _, rec, _ in log if rec["type"] == "gap"]
    equal([g["reason"] for g in gaps], ["server"], "told: %s" % stats["log"])
    c = gaps[0]["counters"]
    there = streams(r)
    gone = [i for i, rec, _ in log if "%d-%d" % (milliseconds(rec["logged"]), i) not in there]
    check(gone, "some are missing")
    equal((c["first_index"], c["last_index"], c["lost_records"]), (gone[0], gone[-1], len(gone)), "which: %s" % gone)
    equal({rec["type"] for i, rec, _ in log if i in gone}, {"alert"}, "of the one stream")
    equal((stats["lost_output"], stats["waiting"]), (len(gone), 0), "counted: %s" % stats)
    proxy.close()
    r.close()


def stream_is_gone(t):
    """A stream that somebody deletes while the head stays: told once, what comes is delivered, the rest is as it was."""
    s = t.server()
    r = Redis(s.path)
    src = t.source("-n", 600, "-r", 200, "-f", "-W", 30000, s.url)
    time.sleep(1.5)
    r("DEL", key("alerts"))
    stats = src.end(60)
    log = log_lines(t.log)
    told = [rec for _, rec, _ in log if rec["type"] == "sensor"]
    equal(len(told), 1, "told: %s" % stats["log"])
    check(key("alerts") in told[0]["summary"] and sum("is gone" in line for line in stats["log"]) == 1, "what: %s" % told)
    equal(ordinals(r), list(range(601 - len(ordinals(r)), 601)), "what came then")
    equal(ordinals(r, "flows"), list(range(1, 601)), "the flows")
    first = int(entries(r)[0][0].split("-")[1])
    last = told[0]["counters"]["last_index"]
    equal([i for i, rec, _ in log if rec["type"] == "alert" and last < i < first], [], "and up to where")
    equal((stats["lost"], stats["waiting"]), (0, 0), "counted")
    r.close()


def killed_and_restarted(t):
    """kill -9 and start again, AOF everysec: acknowledged records may be rolled back, and are sent again."""
    s = t.server("--appendonly", "yes", "--appendfsync", "everysec")
    src = t.source("-n", 8000, "-r", 2000, "-W", 40000, s.url)
    for _ in range(3):
        time.sleep(0.7)
        s.kill()
        time.sleep(0.2)
        s.start()
    stats = src.end(90)
    equal(stats["lost"], 0, "lost")
    exact(s, t.log, stats)


def emptied_server(t):
    """The server comes back with nothing: it gets everything again, from the log."""
    s = t.server()
    src = t.source("-n", 6000, "-r", 3000, "-W", 40000, s.url)
    time.sleep(1.2)
    s.kill()
    s.start()
    stats = src.end(90)
    equal(stats["lost"], 0, "lost")
    exact(s, t.log, stats)


def emptied_again_and_again(t):
    """... and a log that keeps less than it lost: what is lost is counted once, and the account adds up."""
    s = t.server()
    src = t.source("-n", 20000, "-r", 4000, "-q", 50000, "-m", 4, "-W", 40000, s.url)
    time.sleep(1)
    for _ in range(4):
        time.sleep(1)
        s.kill()
        s.start()
    stats = src.end(90)
    check(stats["lost_output"] > 5000, "something was lost: %s" % stats)
    equal(stats["waiting"], 0, "waiting")


def emptied_and_full(t):
    """The server comes back with nothing and takes nothing for a while: what the log does not keep is told once,
    however often it is asked; emptied once more, not again."""
    s = t.server("--maxmemory-policy", "noeviction")
    r = Redis(s.path)
    equal(t.source("-n", 6000, "-r", 2000, "-m", 4, "-W", 40000, s.url).end(90)["delivered"], 6000, "before")
    first = log_lines(t.log)[0][0]
    check(first > 1000, "the log keeps a part")
    src = t.source("-n", 200, "-r", 50, "-m", 4, "-W", 40000, s.url)
    for _ in range(2):
        r("CONFIG", "SET", "maxmemory", "1mb")
        r("FLUSHALL")
        time.sleep(1.5)
        r("CONFIG", "SET", "maxmemory", "0")
        time.sleep(0.5)
    stats = src.end(90)
    there = {int(id_.split("-")[1]) for id_ in streams(r)}
    gaps = [rec["counters"] for _, rec, _ in log_lines(t.log) if rec["type"] == "gap"]
    told = [i for g in gaps for i in range(g["first_index"], g["last_index"] + 1)]
    equal(gaps[0]["last_index"], first - 1, "the first gap: %s" % gaps)
    check(sorted(told) == [i for i in range(1, max(there)) if i not in there], "each told once: %s" % gaps)
    check(sum("came back without" in line for line in stats["log"]) <= 2, "said: %s" % stats["log"])
    equal((stats["lost"], stats["waiting"]), (0, 0), "of this run")
    r.close()


def stopped_server(t):
    """SIGSTOP for longer than the reply timer, then SIGCONT: the batch in doubt is settled."""
    s = t.server()
    src = t.source("-n", 4000, "-r", 2000, "-W", 40000, s.url)
    time.sleep(0.5)
    s.process.send_signal(signal.SIGSTOP)
    time.sleep(6)
    s.process.send_signal(signal.SIGCONT)
    stats = src.end(90)
    equal(stats["lost"], 0, "lost")
    exact(s, t.log, stats)


def down_with_a_small_log(t):
    """A log of 8 MiB and twice as much made while the server is away: the oldest go, and gap records say which."""
    s = t.server("--appendonly", "yes", "--appendfsync", "always")
    src = t.source("-n", 14000, "-r", 5000, "-q", 50000, "-m", 8, "-W", 40000, s.url)
    time.sleep(0.3)
    s.process.send_signal(signal.SIGTERM)
    s.process.wait()
    time.sleep(2.9)
    s.start()
    stats = src.end(90)
    r = Redis(s.path)
    gone = set(range(1, stats["alerts"] + 1)) - set(ordinals(r))
    check(len(gone) > 2000, "something was lost: %s" % stats)
    equal(stats["lost_output"], len(gone), "missing ordinals are the counted losses: %s" % stats)
    equal(missing(ordinals(r, "health"), stats["gaps"]), set(), "no gap record is lost")
    gaps = [h[2] for h in entries(r, "health") if h[2]["type"] == "gap"]
    equal({g["reason"] for g in gaps}, {"retention"}, "the reasons")
    equal(sum(g["counters"]["lost_alerts"] for g in gaps), len(gone), "told in %s, missing %d to %d" % (
        [g["counters"] for g in gaps], min(gone), max(gone)))
    named = {o for g in gaps for o in range(g["counters"]["first_alert"], g["counters"]["last_alert"] + 1)}
    equal(named, gone, "and which")
    size = sum(os.path.getsize(n) for n in glob.glob(t.log + "/fra1/rec/*/*/*/*"))
    check(size <= 8 << 20, "the log keeps its bound: %d bytes" % size)
    r.close()


def never_there(t):
    """No server at all: everything waits in the log, the run is not held up, and the next one delivers it."""
    start = time.monotonic()
    url = "unix://" + t.folder + "/redis.sock"
    stats = t.source("-n", 3000, "-W", 300, url).end()
    equal(stats["delivered"], 0, "delivered")
    equal((stats["waiting"], stats["lost"]), (stats["made"], 0), "waiting")
    check(time.monotonic() - start < 6, "it took too long")
    s = t.server()
    stats = t.source("-n", 10, url).end()
    equal(stats["delivered"], 10, "of the second run")
    r = Redis(s.path)
    log = same(t.log, r)
    equal(sent(log), list(range(3000)) + list(range(10)), "what was sent")
    r.close()


def met_late(t):
    """A log that is older than a server that was away when it was first named: it lost nothing it never had."""
    t.source("-n", 100, "-T", t.file("clock", "-200000"), "file:/dev/null").end()
    url = "unix://" + t.folder + "/redis.sock"
    t.source("-n", 10, "-W", 300, url).end()
    s = t.server()
    t.source("-n", 10, "-W", 20000, url).end()
    r = Redis(s.path)
    equal(ordinals(r), list(range(101, 121)), "what is young")
    equal([h[2]["reason"] for h in entries(r, "health") if h[2]["type"] == "gap"], [], "gap records")
    r.close()


def started_late(t):
    s = t.server()
    s.kill()
    src = t.source("-n", 3000, "-r", 1500, "-W", 40000, s.url)
    time.sleep(1)
    s.start()
    stats = src.end(90)
    equal(stats["lost"], 0, "lost")
    exact(s, t.log, stats)


def out_of_memory(t):
    """maxmemory reached and lifted: refused batches are refused whole and come again."""
    s = t.server("--maxmemory-policy", "noeviction")
    r = Redis(s.path)
    src = t.source("-n", 6000, "-r", 2000, "-W", 40000, s.url)
    for _ in range(3):
        time.sleep(0.4)
        r("CONFIG", "SET", "maxmemory", "1mb")
        time.sleep(0.4)
        r("CONFIG", "SET", "maxmemory", "0")
    stats = src.end(90)
    equal(stats["lost"], 0, "lost")
    said = sum("OOM" in line for line in stats["log"])
    check(1 <= said <= 3, "the cause is told once for each outage, not %d times" % said)
    exact(s, t.log, stats)
    r.close()


def password_that_is_repeated(t):
    """A server without AUTH repeats what stood behind the command, its first 128 bytes; others say what they like."""
    for n, words in enumerate((("--rename-command", "AUTH", ""), ())):
        s = t.server(*words, name="redis%d" % n)
        url = s.path
        if not words:
            proxy = Proxy(t.folder, s.path)
            proxy.error = b"-WRONGPASS not s3cret-%s\r\n" % (b"x" * 150)
            url = proxy.path
        stats = t.source("-n", 10, "-W", 1500, "unix://lt:s3cret-%s@%s" % ("x" * 150, url)).end()
        told = [rec for _, rec, _ in log_lines(t.log) if rec["type"] == "sensor"]
        equal(len(told), n + 1, "a record about each: %s" % told)
        check(any("AUTH as lt: " in line for line in stats["log"]), "the cause is told: %s" % stats["log"])
        check("s3cret" not in str(stats["log"]) + str(told), "the password is not: %s %s" % (stats["log"], told))


def password(t):
    s = t.server("--requirepass", "correct horse")
    secret = os.path.join(t.folder, "password")
    with open(secret, "w", encoding="ascii") as f:
        f.write("correct horse\n")
    stats = t.source("-n", 100, "-P", secret, s.url).end()
    equal(stats["delivered"], 100, "with the password file")
    url = "unix://:correct%20horse@" + s.path
    equal(t.source("-n", 100, url).end()["delivered"], 100, "with the URL")
    stats = t.source("-n", 100, "-W", 300, "unix://:wr0ng-secret@" + s.path).end()
    equal(stats["delivered"], 0, "with a wrong one")
    equal((stats["waiting"], stats["lost"]), (stats["made"], 0), "waiting")
    log = "\n".join(stats["log"])
    check("WRONGPASS" in log, "the cause is told: " + log)
    check("wr0ng" not in log, "the password is not")
    if t.leaktap:
        p = subprocess.Popen([t.leaktap, "run", "-q", "-r", "-", "-o", "unix://:wr0ng-secret@" + s.path],
                             stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                             env={**os.environ, "STATE_DIRECTORY": t.folder})
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
    src = t.source("-n", 1000, "-r", 1000, "-W", 40000, s.url)
    time.sleep(0.5)
    equal(r("EXISTS", key("alerts")), 0, "nothing written to a replica")
    r("REPLICAOF", "NO", "ONE")
    time.sleep(0.4)
    stats = src.end(90)
    equal(stats["lost"], 0, "lost")
    check(any("replica" in line for line in stats["log"]), "the cause is told")
    exact(s, t.log, stats)
    r.close()


def no_multi(t):
    """A user without the permission for MULTI: found out before anything is written."""
    s = t.server()
    r = Redis(s.path)
    r("ACL", "SETUSER", "lt", "on", ">pw", "~leaktap:*", "&*", "+@all", "-multi")
    stats = t.source("-n", 100, "-W", 300, "unix://lt:pw@" + s.path).end()
    equal(stats["delivered"], 0, "delivered")
    equal(r("EXISTS", key("alerts")), 0, "nothing written")
    check(any("NOPERM" in line for line in stats["log"]), "the cause is told")
    equal(sum("NOPERM" in line for line in stats["log"]), 1, "once")
    r("ACL", "SETUSER", "lt", "resetkeys", "~leaktap:*", "resetchannels", "-@all", "+auth", "+ping", "+multi",
      "+exec", "+watch", "+hget", "+xadd", "+xinfo|stream", "+xrange", "+hset", "+hgetall", "+client|setname", "+role")
    stats = t.source("-n", 100, "unix://lt:pw@" + s.path).end()
    equal(stats["delivered"], 100, "with the documented permissions, without SADD and PUBLISH")
    log = same(t.log, r)
    equal(len(sent(log)), 200, "those that waited too")
    r.close()


def lost_replies(t):
    """The server took the batch, its answer never came: nothing twice, nothing missing."""
    s = t.server()
    p = Proxy(t.folder, s.path)
    src = t.source("-n", 5000, "-r", 2500, "-W", 40000, "unix://" + p.path)
    for _ in range(8):
        time.sleep(0.2)
        p.cuts += 1
    stats = src.end(90)
    p.close()
    check(p.lost >= 3, "replies were lost: %d" % p.lost)
    equal(stats["lost"], 0, "lost")
    exact(s, t.log, stats)


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
    stats = t.source("-n", 500, *mutual, good).end()
    equal(stats["delivered"], 500, "with the right authority and address")
    try:
        socket.getaddrinfo("localhost", port)
    except OSError:
        pass  # a machine without /etc/hosts
    else:
        stats = t.source("-n", 500, *mutual, "rediss://localhost:%d" % port).end()
        equal(stats["delivered"], 500, "with the right name")
    for url, options, cause in (("rediss://127.0.0.2:%d" % port, mutual, "IP address mismatch"),
                                (good, ("-E", ca, "-K", cert_key), "self-signed"),
                                (good, ("-C", ca), "")):
        stats = t.source("-n", 10, "-W", 2000, *options, url).end()
        equal(stats["delivered"], 0, "delivered to " + url)
        check(any(cause in line for line in stats["log"]), "the cause is told: %s" % stats["log"])
    check(s.process.poll() is None, "the server lives")


def second_writer(t):
    """Another log under the same name: it stops and says so, and the first one's records stay exact."""
    s = t.server()
    other = os.path.join(t.folder, "other")
    a = t.source("-n", 3000, "-r", 1000, "-W", 20000, s.url)
    time.sleep(0.5)
    b = t.source("-n", 1000, "-r", 1000, "-W", 300, s.url, log=other)
    sb, sa = b.end(60), a.end(60)
    equal(sb["delivered"], 0, "of the second")
    equal((sb["waiting"], sb["lost"]), (sb["made"], 0), "waits")
    check(any("another log" in line for line in sb["log"]), "it is told: %s" % sb["log"])
    equal(sa["lost"], 0, "lost")
    exact(s, t.log, sa)
    r = Redis(s.path)
    r("RENAME", key("alerts"), "old")  # the documented way to let it go on there
    r("DEL", key("head"), key("health"))
    stats = t.source("-n", 10, s.url, log=other).end()
    equal(stats["delivered"], 10, "of the second, once somebody decided")
    equal(len(sent(same(other, r))), 1010, "and what waited")
    r.close()


def live_channel(t):
    s = t.server()
    r = Redis(s.path)
    r("SUBSCRIBE", "leaktap:live")
    stats = t.source("-n", 50, "-r", 100, s.url).end()
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
                while said := c.recv(4096):  # several commands at once, each of which has its answer
                    c.sendall(b"-NOPERM \x1b]0;owned\x07 \xc2\x9b2J\r\n" * len(re.findall(rb"(?m)^\*\d+\r$", said)))

    threading.Thread(target=serve, daemon=True).start()
    said = t.source("-n", 1, "-W", 300, "unix://" + path).end()["log"]
    if t.leaktap:
        out = subprocess.run([t.leaktap, "watch", "--redis", "unix://" + path, "--no-follow"], capture_output=True,
                             text=True, timeout=20, check=False)
        equal(out.returncode, 1, "status of watch")
        said.append(out.stderr)
    listener.close()
    check(any("NOPERM" in line for line in said), "the error is told")
    check(not any(c in line for line in said for c in "\033\x07\x9b"), "control characters stay out")


def locked(t):
    """A second process on the same log says who holds it, and ends with 2."""
    src = t.source("-n", 1000, "-r", 1000, "file:/dev/null")
    time.sleep(0.5)
    p = subprocess.run([t.program, "-d", t.log, "-n", "1", "-"], capture_output=True, text=True, timeout=20, check=False)
    equal(p.returncode, 2, "status")
    check("process %d" % src.p.pid in p.stderr, "the holder is named: " + p.stderr)
    src.end()


def watch(t):
    """leaktap watch: what is there, what comes, from a sensor that appears later, over a restart of the server."""
    if not t.leaktap:
        return
    s = t.server("--appendonly", "yes", "--appendfsync", "always")
    t.source("-n", 5, s.url).end()

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
    for _ in range(300):
        r("XADD", key("alerts"), "*", "somebody", "else's")
    shown = run("--no-follow", "--json")
    check(re.search(r"Z: leaktap:\{%s\}:alerts: 301 entries are no record of leaktap: passed over; the first is \d+-\d+\n" % SENSOR,
                    shown.stderr) and shown.stderr.count("passed over") == 1, "what is passed over is told: " + shown.stderr)
    follow = subprocess.Popen([t.leaktap, "watch", "--redis", s.url, "--since", "1h"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(2.5)
    for _ in range(300):
        r("XADD", key("alerts"), "*", "somebody", "else's")
    time.sleep(1.5)
    follow.terminate()
    err = follow.communicate(timeout=20)[1]
    check(err.count("passed over") == 1 and " 300 entries are" in err, "nobody is flooded: " + err)
    equal(run("--no-follow", "--min-severity", "high", "--json").stdout.count("\n"), 5, "--min-severity")
    r.close()

    follow = subprocess.Popen([t.leaktap, "watch", "--redis", s.url, "--json", "--count", "8"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1)
    t.source("-n", 4, s.url).end()
    s.kill()
    s.start()
    t.source("-n", 4, "-s", "later", s.url).end()
    out, err = follow.communicate(timeout=40)
    came = [json.loads(line) for line in out.splitlines()]
    equal([x["sensor"] for x in came if x["type"] == "alert"], [SENSOR] * 4 + ["later"] * 4, "what comes")
    equal({x["type"] for x in came} - {"alert"}, {"sensor"}, "the sensor tells of the entry that is not its own")
    equal(err.count("trying again"), 1, "the outage is said once")

    # a sensor of which the server knew before it was away, and one that was stopped; watch comes while it is away
    r = Redis(s.path)
    for name, state in (("lives", "running"), ("ended", "stopping")):
        r("SADD", "leaktap:sensors", name)
        r("XADD", "leaktap:{%s}:health" % name, "%d-1" % ((time.time() - 13) * 1000), "json", json.dumps(
            {"type": "sensor", "kind": "sensor.health", "state": state, "health": {"heartbeat_s": 3}}))
    r.close()
    s.kill()
    follow = subprocess.Popen([t.leaktap, "watch", "--redis", s.url], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1)
    s.start()
    time.sleep(5)
    follow.terminate()
    err = follow.communicate(timeout=20)[1]
    check("is back" in err and "no sign" not in err, "who may still look for the server is not silent: " + err)
    check(re.search(r"watch: 2\d{3}-\d\d-\d\dT[0-9:]{8}Z: sensor ended stopped at 2\d{3}-", err), "an orderly stop: " + err)
    for args, status in ((["--bogus"], 2), (["--since", "x"], 2), (["--min-severity", "loud"], 2), ([], 2),
                         (["--redis", "unix:///nonexistent/redis.sock", "--no-follow"], 1)):
        run_ = subprocess.run([t.leaktap, "watch", *args], capture_output=True, text=True, timeout=20, check=False,
                              env={**os.environ, "LEAKTAP_CONFIG": ""})
        equal(run_.returncode, status, "status of %s: %s" % (args, run_.stderr))


SCENARIOS = [plain, restarts_of_the_sensor, stream_in_the_future, killed_and_restarted, emptied_server,
             emptied_again_and_again, emptied_and_full, stopped_server, down_with_a_small_log, never_there, met_late, started_late, out_of_memory, password,
             password_that_is_repeated, replica,
             no_multi, entry_in_between, stream_is_gone, tls, lost_replies, second_writer, live_channel, rude_server, locked, watch]


if __name__ == "__main__":
    sys.exit(run_scenarios(SCENARIOS, __doc__, jobs=1))
