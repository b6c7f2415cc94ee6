"""leaktap check: all faults at once with status 2, and what a good file says, without its passwords."""
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import *  # noqa: E402,F403

BAD = os.path.join(TOP, "tests/settings")


def faults_of(name):
    with open(os.path.join(BAD, name + ".expected")) as f:
        return [os.path.join(BAD, line) for line in f.read().splitlines()]


def main():
    for name in ("many-at-once", "unknown-key", "overlap-group", "later-keys", "not-utf8"):
        with case("every fault of " + name):
            out, err = leaktap("check", "-c", os.path.join(BAD, name + ".yaml"), ok=2)
            want = faults_of(name)
            if len(want) > 1:
                want.append(f"leaktap check: {len(want)} faults")
            equal(err.splitlines(), want, "faults")
            equal(out, "", "output")
    for path in sorted(glob.glob(os.path.join(TOP, "config", "*.yaml"))):
        with case("no fault in config/" + os.path.basename(path)):
            out, err = leaktap("check", "-c", path)
            equal(err, "", "faults")
            true(out.startswith("settings    " + path + ", no fault\n"), out)
    with case("what check finds of an output, run says in the same words"), folder() as d:
        path = os.path.join(d, "s.yaml")
        output = os.path.join(d, "missing", "alerts.jsonl")
        with open(path, "w") as f:
            f.write(f'alerts: {{outputs: ["file:{output}"]}}\n')
        words = f"{output}: its folder does not exist; make it first (install -d -m 700 {d}/missing)\n"
        demo = os.path.join(TOP, "tests/captures/openai/capture.pcap")
        for args in (["check"], ["run", "-r", demo]):
            _, err = leaktap(*args, "-c", path, ok=2)
            equal(err, f"{path}:1:20: alerts.outputs: {words}", args[0])
        _, err = leaktap("run", "-r", demo, "-o", "file:" + output, ok=2)
        true(words in err, err)
        os.mkdir(os.path.join(d, "missing"))
        leaktap("check", "-c", path)
        leaktap("run", "-r", demo, "-q", "-c", path)
    with case("rules of alerts.suppress: which are in force"), folder() as d:
        path = os.path.join(d, "s.yaml")
        rule = "  - {id: %s, reason: r, owner: o, until: %s, detector: github-pat}\n"
        with open(path, "w") as f:
            f.write("alerts:\n  suppress:\n" + rule % ("old", "2026-01-01") + rule % ("new", "2099-12-31"))
        lines = leaktap("check", "-c", path)[0].splitlines()
        at = lines.index("suppressed  1 rule in force, 1 expired")
        equal(lines[at + 1:at + 3], [f"  old  expired, was until 2026-01-01  {path}:3", f"  new  until 2099-12-31  {path}:4"], "rules")
        with open(path, "a") as f:
            f.writelines(rule % (f"more{i}", "2099-12-31") for i in range(30))
        lines = leaktap("check", "-c", path)[0].splitlines()
        true("suppressed  31 rules in force, 1 expired" in lines and "  ... and 12 more" in lines, lines)
    with case("passwords stay out of what is shown"), folder() as d:
        path = os.path.join(d, "s.yaml")
        with open(path, "w") as f:
            f.write('alerts: {redis: "rediss://user:hidden-pw@r.example:6380/1", outputs: ["redis://:hidden-pw@h", "-"]}\n')
        out, err = leaktap("check", "-c", path)
        true("hidden-pw" not in out + err, out + err)
        equal(out.splitlines()[-4:], ["outputs", "  redis://h", "  standard output", "  rediss://r.example:6380/1"], "outputs")
    finish()


main()
