"""A recording delivered in every way that scripts/wrap-capture knows: the records stay the same but for what names
the way (tunnels, tags, MAC addresses) and what differs from run to run; the summary is balanced.  The kernel's
program that shares out live packets finds the same worker for each as a replay does (share_check, the argument)."""
import concurrent.futures
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import *  # noqa: E402,F403

DEMO = os.path.join(TOP, "tests/captures/demo")
VARIES = {"id", "logged", "ordinal", "updates", "tunnel", "vlan", "mac", "flow", "flows"}

SAME = [["--as", a] for a in (
    "vlan", "qinq", "mpls", "mpls-pseudowire", "mpls-udp", "pppoe", "gre-key", "gre-all", "gre6", "nvgre", "erspan1",
    "erspan2", "erspan3", "vxlan-linux", "vxlan6", "vxlan-gpe", "geneve", "geneve-options", "gtpu", "gtpu-extended",
    "vlan,vntag,vlan9100", "etag,metadata", "qinq,pppoe", "pbb,qinq", "fabricpath,trill", "nsh", "gre-udp", "l2tp", "capwap", "capwap-air",
    "gre-air", "etherip", "ip-in-ip4", "ip-in-ip6", "vxlan,gre", "qinq,erspan2,vxlan,vlan", "mpls,ip-in-ip4,ip-in-ip6")] + [
    ["--as", "fragment=400"], ["--as", "vxlan,fragment=400"], ["--as", "fragment=600,geneve"],
    ["--shuffle", "--as", "fragment=304,vxlan6,fragment=800"],
    ["--twice", "same"], ["--twice", "router", "--as", "gre"],
    ["--twice", "same", "--as", "fragment=600,vxlan,fragment=800"],
    ["--big-endian"], ["--nanosecond", "--link", "raw"], ["--link", "cooked"], ["--link", "null"], ["--link", "cooked2"],
    ["--pcapng-interfaces"], ["--pcapng-interfaces", "--big-endian"], ["--wrong-checksums"]]


# what the kernel's program does not read, because it is rare: workers hand such packets to each other
NOT_IN_KERNEL = {"etag,metadata", "fabricpath,trill", "nsh", "l2tp", "capwap", "capwap-air", "gre-air"}


def strip(value):
    if isinstance(value, dict):
        return {k: strip(v) for k, v in value.items() if k not in VARIES}
    return [strip(v) for v in value] if isinstance(value, list) else value


def observed(path):
    """(records, summary)"""
    out, err = leaktap("run", "-c", os.path.join(DEMO, "leaktap.yaml"), "-r", path, "--flows", "-o", "-",
                       env=dict(os.environ, LEAKTAP_CONFIG=""), cwd=TOP)
    return records(out), err


def kernel_decides(path):
    """Whether the kernel's program agrees, and what was said."""
    p = subprocess.run([os.path.join(TOP, sys.argv[1]), "10.0.0.0/8", path], stdout=subprocess.PIPE, text=True)
    return p.returncode == 0, p.stdout.strip()


def wrapped(directory, options):
    path = os.path.join(directory, "-".join(options).replace("/", "") or "plain")
    subprocess.run([os.path.join(TOP, "scripts/wrap-capture"), os.path.join(DEMO, "capture.pcap"), path, *options], check=True)
    return (*observed(path), kernel_decides(path))


def texts(found):
    return sorted(json.dumps(strip(r), sort_keys=True) for r in found)


def same(result, want, in_kernel):
    got, summary, (agrees, said) = result
    got = texts(got)
    missing, extra = [w for w in want if w not in got], [g for g in got if g not in want]
    true(len(got) == len(want) and not missing and not extra,
         f"{len(got)} records of {len(want)}; missing {str(missing[:1])[:250]} extra {str(extra[:1])[:250]}")
    equal((summary.count(": balanced"), summary.count("NOT BALANCED")), (3, 0), "balanced")
    true(agrees or not in_kernel, "the kernel's program decides otherwise: " + said)


def alerts(found):
    """What was found, without when."""
    return sorted((r.get("kind", ""), r.get("severity", ""), json.dumps(strip(r.get("destination")), sort_keys=True))
                  for r in found if r["type"] == "alert")


def main():
    base, _ = observed(os.path.join(DEMO, "capture.pcap"))
    want = texts(base)
    with folder() as directory, concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = [(" ".join(o), pool.submit(wrapped, directory, o)) for o in SAME]
        jump = pool.submit(wrapped, directory, ["--clock-jump"])
        cut = pool.submit(wrapped, directory, ["--snaplen", "400", "--as", "vxlan"])
        for name, result in results:
            with case(f"the same records: {name}"):
                same(result.result(), want, name.split()[-1] not in NOT_IN_KERNEL)
        with case("a clock that jumps loses no finding"):
            equal(alerts(jump.result()[0]), alerts(base), "alerts")
        with case("what a snaplen cut away is missing, and nothing is found that is not there"):
            got, summary, _ = cut.result()
            left = alerts(base)
            for one in alerts(got):
                true(one in left, f"not there in the whole: {one}")
                left.remove(one)
            equal((summary.count(": balanced"), summary.count("NOT BALANCED")), (3, 0), "balanced")
    finish()


main()
