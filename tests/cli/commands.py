"""The command line as a person meets it: help, mistakes, exit statuses, inputs, the account at the end."""
import os
import re
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import *  # noqa: E402,F403

DEMO = os.path.join(TOP, "tests/captures/demo/capture.pcap")
OPENAI = os.path.join(TOP, "tests/captures/openai/capture.pcap")
COMMANDS = ("run", "watch", "test-alert", "check", "explain", "detect", "catalogue", "inventory")


def one_line(err):
    equal(len(err.strip().splitlines()), 1, "lines of: " + err)


def main():
    with case("help of the program and of every command"):
        out, _ = leaktap("--help")
        for c in COMMANDS:
            true(c in out, f"{c} is missing")
            text, _ = leaktap(c, "--help")
            true(text.startswith("usage: leaktap " + c), f"{c} --help begins with {text[:60]!r}")
    with case("no command and an unknown one are wrong usage"):
        leaktap(ok=2)
        _, err = leaktap("rum", ok=2)
        one_line(err)
        for c in COMMANDS + ("help",):
            true(re.search(r"[(, ]%s[,;]" % c, err), f"{c} is not among the commands: {err}")
    with case("options are refused alike by all commands"):
        for c in COMMANDS:
            for args, words in ((["-x"], "there is no option `-x'"), (["--nonsense"], "there is no option `--nonsense'"),
                                (["-c"], "`-c' needs a value"), (["--config"], "`--config' needs a value")):
                _, err = leaktap(c, *args, ok=2)
                equal(err, f"leaktap {c}: {words} (leaktap {c} --help)\n", "words")
        _, err = leaktap("run", "--flows", "-xq", ok=2)
        true("there is no option `-x'" in err, err)
        _, err = leaktap("inventory", "--csv=1", ok=2)
        true("`--csv' takes no value" in err, err)
    with case("settings that cannot be read: the line says which command could not go on"):
        for c, more in (("run", ["-r", DEMO]), ("check", []), ("explain", ["x.example"]), ("catalogue", []), ("detect", []),
                        ("inventory", ["-r", DEMO]), ("test-alert", []), ("watch", [])):
            _, err = leaktap(c, "-c", "/nonexistent.yaml", *more, ok=2)
            equal(err, f"leaktap {c}: /nonexistent.yaml: No such file or directory\n", "words")
    for args, word in ((["run"], "-i"), (["run", "-i", "lo", "-r", DEMO], "mix"), (["run", "-r"], "value"),
                       (["run", "-r", DEMO, "-w", "0"], "1 to"), (["run", "-r", DEMO, "--nonsense"], "--nonsense"),
                       (["run", DEMO], "-r"), (["run", "-r", "/nonexistent.pcap"], "/nonexistent.pcap"),
                       (["run", "-r", DEMO, "-o", "nonsense"], "redis://"),
                       (["run", "-r", DEMO, "-o", "file:/nonexistent/x"], "/nonexistent/x"),
                       (["run", "-r", DEMO, "-o", "redis://:secret-pw@host:notaport"], "port"),
                       (["run", "-c", "/nonexistent.yaml", "-r", DEMO], "/nonexistent.yaml"),
                       (["run", "-r", os.path.join(TOP, "README.md")], "README.md"),
                       (["check", "-c", "/nonexistent.yaml"], "/nonexistent.yaml"),
                       (["watch", "--min-severity", "awful"], "critical"), (["watch", "--since", "soon"], "15m"),
                       (["catalogue", "--show", "openai-ap"], "openai-api"), (["explain"], "host"),
                       (["detect", "-", "-"], "one text"), (["detect", "-c"], "value")):
        with case("one clear line, status 2: leaktap " + " ".join(os.path.basename(a) for a in args)):
            _, err = leaktap(*args, ok=2)
            one_line(err)
            true(word in err, f"{word!r} is not in: {err}")
            true("secret-pw" not in err, "a password is shown: " + err)
    with case("a replay accounts for every packet and record"):
        _, err = leaktap("run", "-r", DEMO, "--flows", "-o", "-")
        equal(err.count(": balanced"), 3, "balanced accounts in: " + err)
        tcpdump = subprocess.run(["tcpdump", "-n", "-r", DEMO], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        true(f"read {len(tcpdump.stdout.splitlines())} = " in err, "packets differ from tcpdump's: " + err)
    with case("a replay tells the same twice"):
        varies = re.compile(r'"(id|logged|ordinal)":("[^"]*"|\d+),?')
        twice = [varies.sub("", leaktap("run", "-r", DEMO, "--flows", "-o", "-", "-q")[0]) for _ in range(2)]
        equal(twice[0], twice[1], "records")
    with case("stdin, and several captures in order"):
        with open(OPENAI, "rb") as f:
            piped, _ = leaktap("run", "-r", "-", "-q", stdin=f)
        once, _ = leaktap("run", "-r", OPENAI, "-q")
        equal(len(records(piped)), len(records(once)), "alerts from stdin")
        _, err = leaktap("run", "-r", OPENAI, "-r", DEMO, "-o", "-")
        equal(err.count(": balanced"), 3, "balanced accounts in: " + err)
    with case("a capture that ends within a packet is told and no failure"), folder() as d:
        cut = os.path.join(d, "cut.pcap")
        with open(OPENAI, "rb") as f, open(cut, "wb") as out:
            out.write(f.read()[:-20])
        _, err = leaktap("run", "-r", cut)
        true("captures that end early 1," in err, "not told: " + err)
    with case("an empty capture"), folder() as d:
        empty = os.path.join(d, "empty.pcap")
        with open(empty, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        out, err = leaktap("run", "-r", empty, "--flows")
        equal(out, "", "records")
        true("seen 0 = read 0" in err, err)
    with case("file output, and quiet is quiet"), folder() as d:
        path = os.path.join(d, "alerts.jsonl")
        out, err = leaktap("run", "-r", OPENAI, "-q", "-o", "file:" + path)
        equal((out, err), ("", ""), "stdout and stderr")
        with open(path) as f:
            true(len(records(f.read())) > 0, "no alerts in the file")
        equal(os.stat(path).st_mode & 0o077, 0, "others may read the file")
    with case("an output that loses records is told, counted and status 1"):
        with open("/dev/full", "w") as full:
            p = subprocess.run([LEAKTAP, "run", "-r", OPENAI], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
        equal(p.returncode, 1, "status: " + p.stderr)
        true("No space left" in p.stderr and "delivered 0 + " in p.stderr and p.stderr.count(": balanced") == 3, p.stderr)
    with case("closed stdout: no other file gets the records"), folder() as d:
        path = os.path.join(d, "alerts.jsonl")
        out, _ = leaktap("run", "-r", OPENAI, "-q")
        p = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', LEAKTAP, "run", "-r", OPENAI, "-q", "-o", "-", "-o", "file:" + path],
                           stderr=subprocess.PIPE, text=True, timeout=120)
        equal(p.returncode, 1, "status: " + p.stderr)
        with open(path) as f:
            equal(len([r for r in records(f.read()) if r["type"] == "alert"]), len(records(out)), "alerts in the file")
    for args in (["check"], ["catalogue", "--list"], ["explain", "api.openai.com"], ["--help"]):
        with case("a full disk is status 1: leaktap " + " ".join(args)), open("/dev/full", "w") as full:
            p = subprocess.run([LEAKTAP, *args], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
            equal(p.returncode, 1, "status: " + p.stderr)
            one_line(p.stderr)
    with case("a filter that is none"), folder() as d:
        path = os.path.join(d, "s.yaml")
        with open(path, "w") as f:
            f.write('capture: {filter: "tcp prot 80"}\n')
        for args in (["check"], ["run", "-r", OPENAI]):
            _, err = leaktap(*args, "-c", path, ok=2)
            one_line(err)
            true("tcp prot 80" in err, err)
    with case("a planted secret never leaves in the clear"), folder() as d:
        out, err = leaktap("run", "-r", DEMO, "--flows", "-o", "-")
        truth = json.load(open(os.path.join(TOP, "tests/captures/demo/truth.json")))
        for v in truth["planted"]:
            true(v["value"] not in out + err, f"{v['kind']} is in the output")
            true(v["value"].replace(" ", "") not in out + err, f"{v['kind']} is in the output")
    with case("explain answers to what people ask"):
        for query, words in (("openai", "openai-api (api.openai.com)"), ("chatgpt", "leaktap catalogue --show"),
                             ("\u043epenai.com", "no ASCII"), ("", "nothing was asked"),
                             ("us1.nordvpn.com", "once 1 MiB were sent (evasion.tunnel)"),
                             ("relay.splashtop.com", "(evasion.remote_desktop)"), ("dns.google", "recorded (evasion.doh)"),
                             ("https://user:word@api.openai.com/v1?key=word", "https://api.openai.com/v1\n")):
            out, _ = leaktap("explain", query)
            true(words in out, f"{query}: {out}")
            true("word" not in out, out)
        out, _ = leaktap("explain", "api.anthropic.com.evil.example")
        true("beware" in out, out)
        out, _ = leaktap("explain", "--json", "us1.nordvpn.com")
        equal(json.loads(out)["tunnel"], "vpn-nordvpn", "tunnel")
    with case("explain reads a list from stdin"):
        out, _ = leaktap("explain", "--json", "-", input="api.openai.com\nAPI.OpenAI.com.\nnotopenai.com\n")
        got = [r["service"] for r in records(out)]
        got = [g["id"] if isinstance(g, dict) else g for g in got]
        equal(got, ["openai-api", "openai-api", None], "services")
    with case("detectors pass their own examples"):
        out, _ = leaktap("detect", "--self-test")
        true(" 0 failed" in out, out)
    with case("make install into a folder gives a program that finds its data"), folder() as d:
        subprocess.run(["make", "-s", "install", "DESTDIR=" + d, "PREFIX=/usr/local"], cwd=TOP, check=True,
                       stdout=subprocess.DEVNULL)
        env = {"PATH": os.environ["PATH"], "LEAKTAP_DATA": d + "/usr/local/share/leaktap"}
        p = subprocess.run([d + "/usr/local/bin/leaktap", "explain", "claude.ai"], stdout=subprocess.PIPE, text=True, env=env)
        true("Claude" in p.stdout or "claude" in p.stdout, p.stdout)
        for page in ("man1/leaktap.1", "man5/leaktap.yaml.5"):
            true(os.path.exists(d + "/usr/local/share/man/" + page), page + " is missing")
        text, _ = leaktap("catalogue", "--help")
        named = re.search(r"\S+/share/doc/leaktap/\S+\.md", text).group(0)
        for path in (named, "/usr/local/share/doc/leaktap/records.schema.json", "/usr/local/share/doc/leaktap/settings.md"):
            true(os.path.exists(d + path), path + " is not installed")
        subprocess.run(["make", "-s", "uninstall", "DESTDIR=" + d, "PREFIX=/usr/local"], cwd=TOP, check=True, stdout=subprocess.DEVNULL)
        left = [os.path.join(at, name) for at, _, names in os.walk(d) for name in names]
        equal(left, [], "left behind by make uninstall")
    finish()


main()
