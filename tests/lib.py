"""What the test scripts share: one line a case, leaktap and redis-server run as children and ended by id,
network namespaces that are taken down again."""
import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LEAKTAP = os.path.join(TOP, os.environ.get("LEAKTAP", "build/leaktap"))
failures = 0
if "STATE_DIRECTORY" not in os.environ:  # logs of the sensors run here
    os.environ["STATE_DIRECTORY"] = tempfile.mkdtemp(prefix="leaktap-state-")
    atexit.register(shutil.rmtree, os.environ["STATE_DIRECTORY"], ignore_errors=True)


class Skip(Exception):
    pass


@contextlib.contextmanager
def case(name):
    """Prints `ok NAME`, `not ok NAME: why` or `skip NAME: why`."""
    global failures
    try:
        yield
        print(f"ok {name}", flush=True)
    except Skip as e:
        print(f"skip {name}: {e}", flush=True)
    except Exception as e:  # a failed case must not keep the others from running
        failures += 1
        why = " ".join(str(e).split())[:600] or type(e).__name__
        print(f"not ok {name}: {why}", flush=True)
        traceback.print_exc(limit=4, file=sys.stdout)


def finish():
    sys.exit(1 if failures else 0)


def whole(main):
    """Runs a script whose cases all need something that may not be there."""
    try:
        main()
    except Skip as e:
        print(f"skip all of it: {e}", flush=True)
        sys.exit(0)


def equal(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, should be {want!r}")


def true(condition, what):
    if not condition:
        raise AssertionError(what)


def until(seconds, what, probe):
    """Waits until probe() is true; returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="leaktap-test-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def leaktap(*args, ok=0, **more):
    """Runs to the end; returns (stdout, stderr) and insists on the exit status."""
    p = subprocess.run([LEAKTAP, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                       timeout=120, **more)
    if p.returncode != ok:
        raise AssertionError(f"leaktap {' '.join(args)}: status {p.returncode}, should be {ok}: {p.stderr[-800:]}")
    return p.stdout, p.stderr


def records(text):
    return [json.loads(line) for line in text.splitlines()]


@contextlib.contextmanager
def process(argv, **more):
    p = subprocess.Popen(argv, **more)
    try:
        yield p
    finally:
        if p.poll() is None:
            p.send_signal(signal.SIGCONT)
            p.terminate()
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()


class Redis:
    """A redis-server of our own on a unix socket; speaks just enough RESP to be asked."""

    def __init__(self, directory, *options):
        self.directory, self.options = directory, options
        self.socket = os.path.join(directory, "redis.sock")
        self.url = "unix://" + self.socket
        self.p = None

    def start(self):
        server = shutil.which("redis-server")
        if not server:
            raise Skip("redis-server is not installed")
        self.p = subprocess.Popen([server, "--port", "0", "--unixsocket", self.socket, "--dir", self.directory, "--save", "",
                                   "--appendonly", "yes", "--appendfsync", "everysec", "--daemonize", "no", *self.options],
                                  stdout=open(os.path.join(self.directory, "redis.log"), "a"),
                                  stderr=subprocess.STDOUT)
        until(10, "redis-server answers", self.answers)
        return self

    def answers(self):
        try:
            return self.ask("PING") == "PONG"
        except (OSError, RuntimeError):
            return False

    def stop(self, how=signal.SIGTERM):
        if self.p and self.p.poll() is None:
            self.p.send_signal(how)
            self.p.wait(20)
        self.p = None

    def pause(self):
        self.p.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.p.send_signal(signal.SIGCONT)

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        if self.p and self.p.poll() is None:
            self.p.send_signal(signal.SIGCONT)
        self.stop()

    def ask(self, *words):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.socket)
            out = b"*%d\r\n" % len(words)
            for w in words:
                w = w if isinstance(w, bytes) else str(w).encode()
                out += b"$%d\r\n%s\r\n" % (len(w), w)
            s.sendall(out)
            return self.reply(s.makefile("rb"))

    def reply(self, f):
        line = f.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            n = int(rest)
            return None if n < 0 else f.read(n + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return None if int(rest) < 0 else [self.reply(f) for _ in range(int(rest))]
        raise OSError(f"redis said {line!r}")

    def stream(self, key):
        """[(id, {field: value})] of a whole stream."""
        return [(i, dict(zip(f[::2], f[1::2]))) for i, f in self.ask("XRANGE", key, "-", "+") or []]


class Net:
    """Two hosts in network namespaces of their own, joined by a veth pair; names end in our process id."""

    CLIENT, SERVER = "10.77.0.2", "198.51.100.10"

    def __init__(self):
        self.tag = f"lt{os.getpid()}"
        self.a, self.b = self.tag + "a", self.tag + "b"

    def ip(self, *args):
        p = subprocess.run(["ip", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if p.returncode:
            raise AssertionError(f"ip {' '.join(args)}: {p.stderr.strip()}")

    def __enter__(self):
        if os.geteuid() != 0 or not shutil.which("ip"):
            raise Skip("needs root and iproute2")
        try:
            self.ip("netns", "add", self.a)
            self.ip("netns", "add", self.b)
            self.ip("link", "add", self.tag + "v", "netns", self.a, "type", "veth", "peer", "name", self.tag + "w",
                    "netns", self.b)
            for ns, dev, own, other in ((self.a, self.tag + "v", self.CLIENT, self.SERVER),
                                        (self.b, self.tag + "w", self.SERVER, self.CLIENT)):
                self.ip("-n", ns, "link", "set", "lo", "up")
                self.ip("-n", ns, "link", "set", dev, "up")
                self.ip("-n", ns, "addr", "add", own + "/32", "dev", dev)
                self.ip("-n", ns, "route", "add", other + "/32", "dev", dev)
        except AssertionError as e:
            self.__exit__()
            raise Skip(f"no network namespaces here: {e}")
        self.dev = self.tag + "w"
        return self

    def __exit__(self, *unused):
        for ns in (self.a, self.b):
            subprocess.run(["ip", "netns", "del", ns], stderr=subprocess.DEVNULL)

    def at(self, ns, *argv):
        return ["ip", "netns", "exec", ns, *argv]
