"""For the tests of delivery: servers with a port, Sentinels, a Cluster, certificates."""
import os
import signal
import socket
import subprocess
import time

from redis_lib import Redis, Server, check

MASTER = "mymaster"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(seconds, what, probe):
    """Waits until probe() is true; returns its value."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = probe()
        except (OSError, ValueError, IndexError, TypeError, KeyError):
            value = None
        if value:
            return value
        check(time.monotonic() < end, "not within %s s: %s" % (seconds, what))
        time.sleep(0.05)


class Node(Server):
    """A redis-server with a port, and a socket beside it for the test's own questions."""

    def __init__(self, folder, name, *options, host="127.0.0.1", port=None, before=()):
        self.host, self.port, self.name = host, port or free_port(), name
        super().__init__(folder, "--port", str(self.port), "--bind", host, "--dir", folder, *options, name=name, before=before)
        self.place = "%s:%d" % ("[%s]" % host if ":" in host else host, self.port)
        self.url = "redis://" + self.place

    def ask(self, *words):
        r = Redis(self.path)
        try:
            got = r(*words)
        finally:
            r.close()
        if isinstance(got, Exception):
            raise ValueError("%s: %s" % (words, got))
        return got

    def role(self):
        return self.ask("ROLE")[0]

    def is_synced(self):
        role = self.ask("ROLE")
        return role[0] == "slave" and role[3] == "connected"


class Sentinel:
    """redis-server --sentinel over one master."""

    def __init__(self, folder, name, master, quorum, *lines, before=()):
        self.before = before
        self.port, self.path = free_port(), os.path.join(folder, name + ".sock")
        self.conf = os.path.join(folder, name + ".conf")
        with open(self.conf, "w", encoding="ascii") as f:
            f.write("\n".join(["port %d" % self.port, "bind 127.0.0.1", "unixsocket " + self.path, "dir " + folder,
                               "logfile " + os.path.join(folder, name + ".out"),
                               "sentinel monitor %s 127.0.0.1 %d %d" % (MASTER, master.port, quorum),
                               "sentinel down-after-milliseconds %s 1000" % MASTER,
                               "sentinel failover-timeout %s 10000" % MASTER, *lines]) + "\n")
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([*self.before, "redis-server", self.conf, "--sentinel"], stdout=subprocess.DEVNULL)
        until(10, "the Sentinel answers", lambda: Redis(self.path).close() is None)

    def ask(self, *words):
        r = Redis(self.path)
        got = r(*words)
        r.close()
        return got

    def knows(self):
        """Of its master: (replicas, other Sentinels)."""
        words = self.ask("SENTINEL", "MASTER", MASTER)
        d = dict(zip(words[::2], words[1::2]))
        return int(d["num-slaves"]), int(d["num-other-sentinels"])

    def master(self):
        return int(self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)[1])

    def kill(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait()
            self.process = None


class Watched:
    """A master, its replica, and Sentinels over them; before: what their commands begin with."""

    def __init__(self, t, sentinels=3, before=()):
        self.a = Node(t.folder, "a", "--repl-diskless-sync-delay", "0", before=before)
        t.servers.append(self.a)
        self.b = Node(t.folder, "b", "--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", str(self.a.port), before=before)
        t.servers.append(self.b)
        until(15, "the replica is in step", self.b.is_synced)
        self.sentinels = []
        for i in range(sentinels):
            self.sentinels.append(Sentinel(t.folder, "sentinel%d" % i, self.a, sentinels // 2 + 1, before=before))
            t.servers.append(self.sentinels[-1])
        for s in self.sentinels:
            until(20, "the Sentinels know each other", lambda s=s: s.knows() == (1, sentinels - 1))
        self.url = "redis+sentinel://%s/%s" % (",".join("127.0.0.1:%d" % s.port for s in self.sentinels), MASTER)

    def lag(self):
        """From now on the replica gets nothing more."""
        self.b.ask("CONFIG", "SET", "masterauth", "not asked for")
        self.a.ask("CLIENT", "KILL", "TYPE", "replica")
        until(5, "the replica's link is down", lambda: not self.b.is_synced())

    def until_failover(self):
        until(25, "the replica is promoted", lambda: self.b.role() == "master")


def cluster_node(t, name, certificate=None):
    port, options = free_port(), []
    if certificate:
        cert, secret = certificate
        options = ["--port", "0", "--tls-port", str(port), "--tls-cluster", "yes", "--tls-cert-file", cert, "--tls-key-file",
                   secret, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no"]
    n = Node(t.folder, name, "--cluster-enabled", "yes", "--cluster-config-file", name + ".nodes", "--cluster-port",
             str(free_port()), "--cluster-node-timeout", "1500", "--repl-diskless-sync-delay", "0", *options, port=port)
    t.servers.append(n)
    n.id = n.ask("CLUSTER", "MYID")
    return n


class Cluster:
    """Masters that share the slots out evenly, and replicas of theirs; certificate: (its file, its key's), all speak TLS."""

    def __init__(self, t, masters=3, certificate=None):
        self.nodes = [cluster_node(t, "n%d" % i, certificate) for i in range(masters)]
        for n in self.nodes[1:]:
            self.meet(n)
        for i, n in enumerate(self.nodes):
            n.ask("CLUSTER", "ADDSLOTSRANGE", 16384 * i // masters, 16384 * (i + 1) // masters - 1)
        self.until_ok(masters)
        self.url = "redis%s+cluster://" % ("s" if certificate else "") + ",".join(n.place for n in self.nodes)

    def meet(self, n):
        bus = n.options[n.options.index("--cluster-port") + 1]
        self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", n.port, bus)

    def until_ok(self, count):
        for n in self.nodes:
            until(20, "the Cluster is whole", lambda n=n: "cluster_state:ok" in n.ask("CLUSTER", "INFO") and
                  "cluster_known_nodes:%d" % count in n.ask("CLUSTER", "INFO"))

    def owner(self, slot, ask=None):
        for first, last, master, *_ in (ask or self.nodes[0]).ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(n for n in self.nodes if n.port == master[1])
        return None

    def move(self, slot, to, pause=0.3):
        """As redis-cli --cluster reshard does, with time between the steps."""
        at = self.owner(slot)
        to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", at.id)
        at.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
        while keys := at.ask("CLUSTER", "GETKEYSINSLOT", slot, 1):
            time.sleep(pause)
            at.ask("MIGRATE", "127.0.0.1", to.port, keys[0], 0, 5000)
        time.sleep(pause)
        for n in (to, at, *self.nodes):
            n.ask("CLUSTER", "SETSLOT", slot, "NODE", to.id)


def certificate(folder, name, names):
    """A self-signed certificate and its key in one pair of files; names as in subjectAltName."""
    cert, secret = (os.path.join(folder, "%s.%s" % (name, x)) for x in ("pem", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    secret, "-out", cert, "-days", "2", "-subj", "/CN=redis", "-addext", "subjectAltName=" + names],
                   check=True, capture_output=True)
    return cert, secret
