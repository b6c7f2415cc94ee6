#!/usr/bin/env python3
"""The way to the right server: Sentinel, Cluster, names, certificates and permissions.  As in faults.py every record of
the log must stand in Redis exactly once under its ID, and nothing else there.

    failover.py [--leaktap PROGRAM] ALERT_SOURCE [SCENARIO...]
"""
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import faults  # noqa: E402
from redis_lib import *  # noqa: E402,F403
from redis_topology import *  # noqa: E402,F403

RATE = faults.RATE
SCENARIOS = []


def scenario(f):
    SCENARIOS.append(f)
    return f


def begin(t, seconds, url, *more, **kinds):
    return t.source("-n", int(seconds * RATE), "-r", RATE, "-W", faults.LONG, *more, url, **kinds)


def indexes(server):
    """Index of the last record there, 0: none."""
    return int(server.ask("HGET", key("head"), "index") or 0)


class Watch:
    """leaktap watch beside a run: it must show every alert once and in order, whatever happens meanwhile."""

    def __init__(self, t, url, count):
        self.p = t.leaktap and subprocess.Popen([t.leaktap, "watch", "--json", "--since", "1h", "--count", str(count), "--redis", url],
                                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.count = count
        if self.p:
            t.children.append(self.p)

    def end(self):
        if not self.p:
            return ""
        out, err = self.p.communicate(timeout=60)
        equal(self.p.returncode, 0, "status of watch: " + err[-3000:])
        equal([json.loads(line)["ordinal"] for line in out.splitlines()], list(range(1, self.count + 1)), "what was watched")
        return err


# ---- Sentinel ------------------------------------------------------------------------------------------------


@scenario
def sentinel_lagging_replica(t):
    """The master dies while its replica lacks what was acknowledged, and comes back as a replica."""
    w = Watched(t)
    src = begin(t, 16, w.url)
    until(10, "the first records", lambda: indexes(w.a) > 500)
    shown = Watch(t, w.url, 16 * RATE)
    time.sleep(1)
    w.lag()
    behind = indexes(w.b)
    time.sleep(2)
    had = indexes(w.a)
    w.a.kill()
    w.until_failover()
    w.a.start()  # with nothing: another master for a while, until the Sentinels make it a replica
    stats = src.end(120)
    equal(stats["lost"], 0, "lost: %s" % stats["log"])
    check(had - behind > RATE, "acknowledged records were lost: %d" % (had - behind))
    check(any("came back without" in line for line in stats["log"]), "it is told: %s" % stats["log"])
    exact(w.b, t.log, stats)
    shown.end()
    until(40, "the old master is a replica in step", w.a.is_synced)
    exact(w.a, t.log, stats)


@scenario
def sentinel_master_hangs(t):
    """A machine hangs with its master and a Sentinel: the new master is used long before the old one's reply timer, and
    when the old one wakes up it gets nothing."""
    w = Watched(t)
    src = begin(t, 12, w.url)
    until(10, "the first records", lambda: indexes(w.a) > 500)
    for x in (w.a, w.sentinels[0]):
        x.process.send_signal(signal.SIGSTOP)
    w.until_failover()
    until(10, "the new master has news", lambda: indexes(w.b) > 1500)
    for x in (w.a, w.sentinels[0]):
        x.process.send_signal(signal.SIGCONT)
    stats = src.end(120)
    equal(stats["lost"], 0, "lost: %s" % stats["log"])
    check(any("name another master" in line for line in stats["log"]), "it is told: %s" % stats["log"])
    check(not any("no answer in time" in line for line in stats["log"]), "nobody waited for the reply: %s" % stats["log"])
    exact(w.b, t.log, stats)


@scenario
def sentinel_old_master_goes_on(t):
    """An old master that the Sentinels cannot demote still takes records: it is left, and the new one has them all.  One of
    the Sentinels is gone."""
    w = Watched(t)
    src = begin(t, 12, w.url)
    until(10, "the first records", lambda: indexes(w.a) > 500)
    w.a.ask("ACL", "SETUSER", "default", "-slaveof", "-replicaof")
    w.sentinels[0].kill()
    until(20, "a fail-over begins", lambda: w.sentinels[1].ask("SENTINEL", "FAILOVER", MASTER) == "OK")
    w.until_failover()
    time.sleep(3)
    equal(w.a.role(), "master", "role of the old one")
    last = indexes(w.a)
    time.sleep(1)
    equal(indexes(w.a), last, "records in the old master, a second later")
    stats = src.end(120)
    equal(stats["lost"], 0, "lost: %s" % stats["log"])
    exact(w.b, t.log, stats)
    check(indexes(w.a) < 11000, "the old one was left early")


@scenario
def sentinel_says_no(t):
    """What Sentinels may answer that helps nobody: each is said once, and delivery goes on once they know better."""
    said = {}
    for name, answer in (("no master", b"*-1\r\n*0\r\n"), ("nonsense", b"*2\r\n$9\r\n127.0.0.1\r\n$5\r\n99999\r\n*0\r\n"),
                         ("hostile", b"*2\r\n$8\r\nh\x1b[2J\r\nx\r\n$2\r\n80\r\n*0\r\n"), ("huge", b"*2\r\n*999999999\r\n"),
                         ("text", b"SSH-2.0-OpenSSH_9.2\r\n"), ("silent", b"")):
        rude = [Rude(t, answer) for _ in range(2)]
        url = "redis+sentinel://127.0.0.1:%d,127.0.0.1:%d/%s" % (rude[0].port, rude[1].port, MASTER)
        start = time.monotonic()
        stats = t.source("-n", 10, "-W", 2500, url).end()
        check(time.monotonic() - start < 15, "%s: held up" % name)
        equal((stats["delivered"], stats["lost"]), (0, 0), "%s: delivered, lost" % name)
        said[name] = [line for line in stats["log"] if "Sentinel" in line]
        equal(len(said[name]), 1, "%s: said once: %s" % (name, stats["log"]))
        check("\x1b" not in "".join(said[name]), "control characters")
        for x in rude:
            x.close()
    check("know no master `mymaster'" in said["no master"][0], said["no master"][0])
    s = Node(t.folder, "late")
    t.servers.append(s)
    t.servers.append(Sentinel(t.folder, "sentinel", s, 1))
    stats = t.source("-n", 10, "-W", 20000, "redis+sentinel://127.0.0.1:1,127.0.0.1:%d/%s" % (t.servers[-1].port, MASTER)).end()
    equal((stats["delivered"], stats["lost"]), (10, 0), "delivered, lost")
    r = Redis(s.path)
    same(t.log, r)
    r.close()


@scenario
def sentinel_cut_off_with_the_old_master(t):
    """One Sentinel knows nothing of the fail-over: what the others say with a greater epoch counts, and stays."""
    a, b = Node(t.folder, "old"), Node(t.folder, "new")
    t.servers += [a, b]

    def answer(node, epoch):
        port = str(node.port)
        return ("*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n*2\r\n$12\r\nconfig-epoch\r\n$1\r\n%d\r\n" % (len(port), port, epoch)).encode()

    stale, fresh = Rude(t, answer(a, 1)), Rude(t, answer(b, 2))
    url = "redis+sentinel://127.0.0.1:%d,127.0.0.1:%d/" + MASTER
    src = begin(t, 5, url % (stale.port, fresh.port))
    until(5, "the new master has news", lambda: indexes(b) > 500)
    last = indexes(a)
    stats = src.end(60)
    equal(stats["lost"], 0, "lost: %s" % stats["log"])
    exact(b, t.log, stats)
    equal(sum("name another master" in line for line in stats["log"]), 1, "said once: %s" % stats["log"])
    stats = begin(t, 3, url % (fresh.port, stale.port)).end(60)
    equal((stats["delivered"], stats["log"]), (3000, []), "with the better one first: delivered, said")
    equal(indexes(a), last, "records in the old master")
    for x in (stale, fresh):
        x.close()


class Rude:
    """Answers the first two questions of whoever comes with the same bytes."""

    def __init__(self, t, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.answer = self.listener.getsockname()[1], answer
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        with c:
            try:
                while data := c.recv(4096):
                    c.sendall(b"+OK\r\n" if b"SETNAME" in data else self.answer)
            except OSError:
                pass

    def close(self):
        self.listener.close()


@scenario
def sentinel_with_tls_and_passwords(t):
    """Passwords of its own for Sentinel and server, TLS for both."""
    cert, secret = certificate(t.folder, "tls", "IP:127.0.0.1")
    tls = {"tls-cert-file": cert, "tls-key-file": secret, "tls-ca-cert-file": cert, "tls-auth-clients": "no"}
    s = Node(t.folder, "secured", "--port", "0", "--tls-port", str(port := free_port()), *[x for k, v in tls.items() for x in ("--" + k, v)],
             "--requirepass", "of the data")
    s.port = port
    t.servers.append(s)
    lines = ["port 0", "tls-port %d" % (port := free_port()), "tls-replication yes", "requirepass of-sentinel",
             "sentinel auth-pass %s \"of the data\"" % MASTER, *["%s %s" % x for x in tls.items()]]
    t.servers.append(Sentinel(t.folder, "sentinel", s, 1, *lines))
    url = "rediss+sentinel://:of%%20the%%20data@127.0.0.1:%d/%s" % (port, MASTER)
    stats = t.source("-n", 10, "-C", cert, "-W", 300, url, env={"LEAKTAP_SENTINEL_PASSWORD": "wr0ng"}).end()
    equal((stats["delivered"], stats["lost"]), (0, 0), "delivered, lost")
    check(sum("WRONGPASS" in line and "Sentinel 127.0.0.1:%d" % port in line for line in stats["log"]) == 1, "said once: %s" % stats["log"])
    stats = t.source("-n", 10, "-C", cert, "-W", 20000, url, env={"LEAKTAP_SENTINEL_PASSWORD": "of-sentinel"}).end()
    equal(stats["delivered"], 10, "delivered: %s" % stats["log"])
    check(not any("of the data" in line or "of-sentinel" in line for line in stats["log"]), "passwords are not said")


# ---- Cluster -------------------------------------------------------------------------------------------------


@scenario
def cluster_slot_moves(t):
    """There and back while records flow."""
    c = Cluster(t)
    slot = c.nodes[0].ask("CLUSTER", "KEYSLOT", key("alerts"))
    src = begin(t, 16, c.url)
    first = c.owner(slot)
    until(10, "the first records", lambda: indexes(first) > 500)
    shown = Watch(t, c.url, 16 * RATE)
    others = [n for n in c.nodes if n is not first]
    for to in (others[0], first, others[1]):
        at = c.owner(slot)
        c.move(slot, to)
        before = indexes(to)
        until(10, "records arrive at the new place", lambda to=to, before=before: indexes(to) > before)
        check(at is not to, "it moved")
        time.sleep(0.5)
    stats = src.end(120)
    equal(stats["lost"], 0, "lost: %s" % stats["log"])
    exact(others[1], t.log, stats)
    for word in ("ASK", "MOVED"):  # TRYAGAIN is an answer too
        check(any(word in line.replace("TRYAGAIN", "ASK") for line in stats["log"]), "%s is told: %s" % (word, stats["log"]))
    for n in (first, others[0]):
        equal(n.ask("CLUSTER", "COUNTKEYSINSLOT", slot), 0, "keys left behind")
    shown.end()
    sensors = c.owner(c.nodes[0].ask("CLUSTER", "KEYSLOT", "leaktap:sensors"))
    equal(sensors.ask("SMEMBERS", "leaktap:sensors"), [SENSOR], "set of sensors")


@scenario
def cluster_master_dies(t):
    """Its replica takes over; the nodes of the URL are not all there."""
    c = Cluster(t)
    slot = c.nodes[0].ask("CLUSTER", "KEYSLOT", key("alerts"))
    master = c.owner(slot)
    replica = cluster_node(t, "replica")
    c.nodes.append(replica)
    c.meet(replica)
    c.until_ok(4)
    until(10, "the replica knows its master", lambda: master.id in replica.ask("CLUSTER", "NODES"))
    replica.ask("CLUSTER", "REPLICATE", master.id)
    until(15, "the replica is in step", replica.is_synced)
    src = begin(t, 14, "redis+cluster://127.0.0.1:1,%s" % master.place)  # the others are learned
    until(10, "the first records", lambda: indexes(master) > 500)
    master.kill()
    until(20, "the replica is promoted", lambda: replica.role() == "master")
    stats = src.end(120)
    equal(stats["lost"], 0, "lost: %s" % stats["log"])
    exact(replica, t.log, stats)
    master.start()
    until(20, "the old master is a replica in step", master.is_synced)
    r = Redis(master.path)
    r("READONLY")
    same(t.log, r)
    r.close()


@scenario
def cluster_node_of_nowhere(t):
    """A node that is in no Cluster, alone and then first in the URL: who knows no master is passed over."""
    alone = cluster_node(t, "alone")
    stats = t.source("-n", 10, "-W", 1500, "redis+cluster://" + alone.place).end()
    equal(stats["delivered"], 0, "there is nowhere to deliver to")
    check(any("node %s: it knows no master" % alone.place in line for line in stats["log"]), "said: %s" % stats["log"])
    c = Cluster(t)
    stats = t.source("-n", 100, "-W", 20000, c.url.replace("//", "//%s," % alone.place)).end()
    equal((stats["delivered"] + stats["waiting"], stats["lost"]), (stats["made"], 0), "made: %s" % stats)
    equal(stats["waiting"], 0, "waiting: %s" % stats["log"])


@scenario
def urls_of_the_wrong_kind(t):
    """redis:// that names a Sentinel, or a node that has not got the slot: a person is told which URL it takes."""
    c = Cluster(t)
    s = Sentinel(t.folder, "sentinel", c.nodes[0], 1)
    t.servers.append(s)
    slot = c.nodes[0].ask("CLUSTER", "KEYSLOT", key("alerts"))
    other = next(n for n in c.nodes if n is not c.owner(slot))
    for n, (place, word) in enumerate((("127.0.0.1:%d" % s.port, "redis+sentinel://"), (other.place, "redis+cluster://"))):
        stats = t.source("-n", 10, "-W", 1500, "redis://" + place).end()
        told = [rec["summary"] for _, rec, _ in log_lines(t.log) if rec["type"] == "sensor"]
        equal(len(told), n + 1, "told: %s" % told)
        check(word in told[n] and any(word in line for line in stats["log"]), "which: %s %s" % (told, stats["log"]))


@scenario
def cluster_for_people(t):
    """Sensors that live on three masters: watch, inventory, and marks."""
    if not t.leaktap:
        return
    c = Cluster(t)
    names = ["fra1", "fra2", "fra3", "fra4"]
    slots = {c.owner(c.nodes[0].ask("CLUSTER", "KEYSLOT", key("alerts", n))).name for n in names}
    check(len(slots) == 3, "the sensors live apart: %s" % slots)
    for n in names:
        stats = t.source("-n", 20, "-f", "-s", n, "-W", 20000, c.url).end()
        equal(stats["delivered"], 40, "of %s" % n)
    one = "redis+cluster://" + c.nodes[0].place

    def leaktap(*args):
        return subprocess.run([t.leaktap, *args, "--redis", one], capture_output=True, text=True, timeout=60, check=False)

    out = leaktap("watch", "--json", "--no-follow")
    got = [json.loads(line) for line in out.stdout.splitlines()]
    equal(sorted((g["sensor"], g["ordinal"]) for g in got), [(n, i) for n in names for i in range(1, 21)], "watched: " + out.stderr)
    for n in names:
        out = leaktap("watch", "--ack", n + "/1", "--by", "ann")
        equal((out.returncode, out.stdout), (0, n + "/1: taken by ann\n"), "mark: " + out.stderr)
        out = leaktap("watch", "--ack", n + "/1", "--by", "bob")
        equal(out.returncode, 1, "the second one's")
    out = leaktap("watch", "--since", "1h", "--json", "--count", "80")
    equal(out.returncode, 0, "follows: " + out.stderr)
    out = leaktap("inventory", "--json")
    equal(out.returncode, 0, "inventory: " + out.stderr)
    check("openai-api" in out.stdout, "what is in use: " + out.stdout[:400])


@scenario
def cluster_permissions(t):
    """The user of docs/redis.md delivers, once it may ask for the slots."""
    c = Cluster(t)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/redis.md"), encoding="utf-8") as f:
        words = f.read().split("ACL SETUSER leaktap on >PASSWORD", 1)[1].split("\n\n", 1)[0].split()
    for n in c.nodes:
        n.ask("ACL", "SETUSER", "leaktap", "on", ">pw", *words)
    owner = c.owner(c.nodes[0].ask("CLUSTER", "KEYSLOT", key("alerts")))
    src = t.source("-n", 100, "-r", 50, "-W", 30000, c.url.replace("//", "//leaktap:pw@"))
    time.sleep(2)
    equal(owner.ask("EXISTS", key("head")), 0, "nothing is written")
    for n in c.nodes:
        n.ask("ACL", "SETUSER", "leaktap", "+cluster|slots")
    stats = src.end()
    equal(stats["lost"], 0, "lost: %s" % stats["log"])
    told = [line for line in stats["log"] if "NOPERM" in line]
    equal(len(told), 1, "said once: %s" % stats["log"])
    exact(owner, t.log, stats)


@scenario
def cluster_is_none(t):
    """URLs that name the wrong kind of server."""
    c = Cluster(t)
    slot = c.nodes[0].ask("CLUSTER", "KEYSLOT", key("alerts"))
    wrong = next(n for n in c.nodes if n is not c.owner(slot))
    stats = t.source("-n", 10, "-W", 300, wrong.url).end()
    check(any("redis+cluster://" in line for line in stats["log"]), "a single node of a Cluster: %s" % stats["log"])
    s = Node(t.folder, "alone")
    t.servers.append(s)
    stats = t.source("-n", 10, "-W", 300, "redis+cluster://" + s.place).end()
    check(any("cluster support disabled" in line for line in stats["log"]), "no Cluster: %s" % stats["log"])
    stats = t.source("-n", 10, "-W", 300, "redis+sentinel://%s/%s" % (s.place, MASTER)).end()
    check(any("unknown command" in line for line in stats["log"]), "no Sentinel: %s" % stats["log"])
    equal((stats["delivered"], stats["lost"]), (0, 0), "delivered, lost")


# ---- names and addresses -------------------------------------------------------------------------------------


@scenario
def ipv6(t):
    try:
        s = Node(t.folder, "six", host="::1")
    except RuntimeError as e:
        raise Skip("no IPv6 on the loopback") from e
    t.servers.append(s)
    src = begin(t, 4, s.url)
    until(10, "the first records", lambda: indexes(s) > 500)
    s.kill()
    s.start()
    faults.finish(t, s, src)


@scenario
def name_gets_another_address(t):
    """A name is looked up for every connection."""
    etc = os.path.join(t.folder, "etc")  # whole, as a small system has no /etc/hosts to mount on
    subprocess.run(["cp", "-a", "/etc", etc], check=True)
    hosts = t.file("etc/hosts", "127.0.0.1 redis.corp.example\n")
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        raise Skip("needs root for a mount namespace")
    old = Node(t.folder, "old")
    new = Node(t.folder, "new", host="127.0.0.2", port=old.port)
    t.servers += [old, new]
    src = begin(t, 6, "redis://redis.corp.example:%d" % old.port,
                before=["unshare", "-m", "sh", "-c", "mount --bind %s /etc && exec \"$@\"" % etc, "sh"])
    until(10, "the first records", lambda: indexes(old) > 500)
    equal(indexes(new), 0, "records at the other address")
    with open(hosts, "w", encoding="ascii") as f:
        f.write("127.0.0.2 redis.corp.example\n")
    old.kill()
    faults.finish(t, new, src)


# ---- what a person must put right -----------------------------------------------------------------------------


def put_right(t, url, cause, s, repair, *more):
    """Said once, an alarm in the log, nothing lost; all of it is delivered once it is put right, without a restart."""
    src = begin(t, 5, url, *more)
    time.sleep(3)
    equal(s.ask("EXISTS", key("head")), 0, "nothing is written")
    repair()
    stats = src.end(120)
    equal(stats["lost"], 0, "lost: %s" % stats["log"])
    told = [line for line in stats["log"] if cause in line]
    equal(len(told), 1, "said once: %s" % stats["log"])
    check("somebody must change that" in told[0], told[0])
    log = exact(s, t.log, stats)
    alarms = [rec for _, rec, _ in log if rec["type"] == "sensor"]
    equal([a["kind"] for a in alarms], ["sensor.delivery"], "alarms in the log")
    check(cause in alarms[0]["summary"], alarms[0]["summary"])
    return stats


@scenario
def certificate_of_another(t):
    cert, secret = certificate(t.folder, "other", "DNS:other.corp.example")
    good, good_secret = certificate(t.folder, "good", "IP:127.0.0.1")
    both = t.file("both.pem", "".join(open(x, encoding="ascii").read() for x in (cert, good)))
    s = Node(t.folder, "tls", "--port", "0", "--tls-port", str(port := free_port()), "--tls-cert-file", cert, "--tls-key-file", secret,
             "--tls-ca-cert-file", both, "--tls-auth-clients", "no")
    t.servers.append(s)
    put_right(t, "rediss://127.0.0.1:%d" % port, "IP address mismatch", s,
              lambda: s.ask("CONFIG", "SET", "tls-cert-file", good, "tls-key-file", good_secret), "-C", both)


@scenario
def authority_that_is_missing(t):
    """The sensor's own file is put right: certificates are read for every connection."""
    cert, secret = certificate(t.folder, "good", "IP:127.0.0.1")
    other, _ = certificate(t.folder, "other", "IP:127.0.0.1")
    s = Node(t.folder, "tls", "--port", "0", "--tls-port", str(port := free_port()), "--tls-cert-file", cert, "--tls-key-file", secret,
             "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
    t.servers.append(s)
    put_right(t, "rediss://127.0.0.1:%d" % port, "certificate is not accepted", s, lambda: os.replace(cert, other), "-C", other)


@scenario
def password_that_is_wrong(t):
    s = Node(t.folder, "password", "--requirepass", "right")
    s.ask = lambda *words: as_user(s, words, "right")
    t.servers.append(s)
    secret = t.file("password", "wr0ng\n")
    src = begin(t, 5, s.url, "-P", secret)
    time.sleep(3)
    equal(s.ask("EXISTS", key("head")), 0, "nothing is written")
    t.file("password", "right\n")
    stats = src.end(120)
    s.ask("CONFIG", "SET", "requirepass", "")
    equal(stats["lost"], 0, "lost: %s" % stats["log"])
    equal(sum("WRONGPASS" in line for line in stats["log"]), 1, "said once: %s" % stats["log"])
    check(not any("wr0ng" in line for line in stats["log"]), "the password is not said")
    log = exact(s, t.log, stats)
    equal([rec["kind"] for _, rec, _ in log if rec["type"] == "sensor"], ["sensor.delivery"], "alarms in the log")


def as_user(s, words, password):
    r = Redis(s.path)
    r("AUTH", password)
    got = r(*words)
    r.close()
    return got


@scenario
def permission_that_is_missing(t):
    s = Node(t.folder, "acl")
    t.servers.append(s)
    s.ask("ACL", "SETUSER", "lt", "on", ">pw", "~leaktap:*", "&*", "+@all", "-multi")
    put_right(t, "redis://lt:pw@" + s.place, "NOPERM", s, lambda: s.ask("ACL", "SETUSER", "lt", "+multi"))


if __name__ == "__main__":
    sys.exit(run_scenarios(SCENARIOS, __doc__, jobs=6))
