"""Our own recordings against their truth files, and their records against the expected ones."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import *  # noqa: E402,F403

HERE = os.path.dirname(os.path.abspath(__file__))
# what differs from run to run, or with the order in which threads end
VARIES = {"id", "logged", "ordinal", "updates"}


def stable(record):
    return json.dumps({k: v for k, v in record.items() if k not in VARIES}, sort_keys=True, ensure_ascii=False)


def names():
    return sorted(n for n in os.listdir(HERE) if os.path.isfile(os.path.join(HERE, n, "capture.pcap")))


def observed(name, *more):
    folder = os.path.relpath(os.path.join(HERE, name), TOP)  # records name the settings as they were given
    config = os.path.join(folder, "leaktap.yaml")
    args = ["-c", config] if os.path.exists(os.path.join(TOP, config)) else []
    env = dict(os.environ, LEAKTAP_CONFIG="")
    out, _ = leaktap("run", *args, "-r", os.path.join(folder, "capture.pcap"), "--flows", "-o", "-", *more, env=env, cwd=TOP)
    return sorted(stable(r) for r in records(out))


def main():
    if sys.argv[1:] == ["--write"]:
        for name in names():
            with open(os.path.join(HERE, name, "expected.jsonl"), "w") as f:
                f.write("\n".join(observed(name)) + "\n")
        return
    with case("recordings agree with their truth files"):
        p = subprocess.run([os.path.join(TOP, "scripts/check-truth"), "--leaktap", LEAKTAP, "--min-cases", "7", "--min-flows",
                            "80", "--min-asked", "60", HERE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        equal(p.returncode, 0, p.stdout[-1500:])
    for name in names():
        with case(f"records of {name} are the expected ones"):
            with open(os.path.join(HERE, name, "expected.jsonl")) as f:
                want = f.read().splitlines()
            got = observed(name)
            missing = [w for w in want if w not in got]
            extra = [g for g in got if g not in want]
            true(not missing and not extra, f"missing {len(missing)}: {str(missing[:1])[:300]} extra {len(extra)}: {str(extra[:1])[:300]} "
                                            "(tests/captures/truth.py --write renews them)")
    with case("two workers tell the same records as one"):
        one, two = observed("demo"), observed("demo", "-w", "2")
        differ = [r for r in one + two if r not in one or r not in two]
        true(not differ, f"{len(differ)} differ: {str(differ[:2])[:500]}")
    finish()


main()
