#!/usr/bin/python3
"""Reads the alerts of a sensor out of Redis, each once, and says when something is missing (docs/redis.md, Reading).

    consumer.py redis://localhost fra1 siem "$(hostname)" /var/lib/siem/leaktap.db

Debian: python3-redis.  Several may run with the same group and database; each has a name of its own."""
import json, os, sqlite3, sys, time
import redis

url, sensor, group, name, path = sys.argv[1:6]
CLAIM_MS = int(os.environ.get("CLAIM_MS", "60000"))  # after so long in the hand of another, it is dead
HOLE_S = float(os.environ.get("HOLE_S", "180"))      # so long another may hold what seems to be missing
BACK_S = float(os.environ.get("BACK_S", "30"))       # so long a sensor may take to find a server that was away
keys = {"leaktap:{%s}:%s" % (sensor, s): s for s in ("alerts", "health")}
r = redis.Redis.from_url(url, decode_responses=True, socket_timeout=10)
db = sqlite3.connect(path, timeout=30)
db.executescript("""PRAGMA journal_mode=WAL;
    CREATE TABLE IF NOT EXISTS seen (ms INT, seq INT, type TEXT, ordinal INT, at REAL, json TEXT, PRIMARY KEY (ms, seq));
    CREATE TABLE IF NOT EXISTS told (what TEXT PRIMARY KEY)""")


def handle(rec):
    """Whatever is to happen with a record.  What is written into `db` here happens once, anything else at least once."""
    if rec["type"] == "alert" and "suppressed" not in rec and "test" not in rec:
        print("ALERT", rec["severity"], rec["id"], rec["summary"], flush=True)


def alarm(text):
    with db:
        if db.execute("INSERT OR IGNORE INTO told VALUES (?)", [text]).rowcount:
            print("ALARM", text, flush=True)


def take(key, entries):
    with db:  # handled and remembered, or neither
        for id_, fields in entries:
            if fields:  # else it was trimmed in somebody's hand; a gap record tells
                (ms, seq), rec = map(int, id_.split("-")), json.loads(fields["json"])
                if db.execute("INSERT OR IGNORE INTO seen VALUES (?,?,?,?,?,?)", [
                        ms, seq, rec["type"], rec["ordinal"], time.time(), fields["json"]]).rowcount:
                    handle(rec)
    if ids := [id_ for id_, _ in entries if id_]:  # Redis 6.2 has no ID for what was trimmed
        r.xack(key, group, *ids)


def look_for_holes():
    """Ordinals are dense in a type.  What was lost is named by a gap record, by ordinals or by indexes."""
    gaps = [json.loads(g) for g, in db.execute("SELECT json FROM seen WHERE type='gap'")]
    for low, high, after, before in db.execute("""SELECT o + 1, next - 1, s + 1, n - 1 FROM (SELECT ordinal o, seq s, at,
            lead(ordinal) OVER w next, lead(seq) OVER w n, lead(at) OVER w found FROM seen WHERE type='alert'
            WINDOW w AS (ORDER BY ms, seq)) WHERE next > o + 1 AND found < ?""", [time.time() - HOLE_S]).fetchall():
        why = {g["reason"] for g in gaps for c in [g.get("counters", {})] if g["reason"] != "output" and (
            g.get("group", group) in (group, "*")) and (
                c.get("first_alert", high + 1) <= high and low <= c.get("last_alert", 0) or
                c.get("first_index", before + 1) <= before and after <= c.get("last_index", 0))}
        alarm("alerts %d to %d are missing: %s" % (low, high, ", ".join(sorted(why)) or "nobody told why"))


def look_for_silence(heard_s):
    """Said once, and once when it is over.  heard_s: so long the server has answered; a sensor may need 30 s to find it again."""
    row = db.execute("SELECT ms, json FROM seen WHERE json LIKE '%\"sensor.health\"%' ORDER BY ms DESC LIMIT 1").fetchone()
    if row:
        beat = json.loads(row[1])
        due = 3 * beat["health"]["heartbeat_s"]
        if beat["state"] == "stopping" or time.time() - row[0] / 1000 <= due:
            with db:
                if db.execute("DELETE FROM told WHERE what LIKE ?", [sensor + " is silent since %"]).rowcount:
                    print("ALARM", sensor, "is back:", beat["state"], flush=True)
        elif heard_s > due + BACK_S:
            alarm("%s is silent since %s" % (sensor, beat["logged"]))


looked = deaf = 0  # deaf: when the server was last seen not to answer
while True:
    begun, behind = time.time(), False
    try:
        for key in keys:
            take(key, r.xautoclaim(key, group, name, CLAIM_MS, start_id="0-0", count=100)[1])
        for key, entries in r.xreadgroup(group, name, {k: ">" for k in keys}, count=100, block=1000):
            take(key, entries)
            behind = behind or len(entries) == 100  # there may be younger heartbeats
        if time.time() - begun > 5:
            deaf = time.time()
    except redis.ResponseError as e:
        if not str(e).startswith("NOGROUP"):  # the first time, or the server was emptied: from its beginning
            raise
        for key in keys:
            try:
                r.xgroup_create(key, group, id="0", mkstream=True)
            except redis.ResponseError:
                pass  # it is there
    except (redis.ConnectionError, redis.TimeoutError):
        time.sleep(1)
        deaf = time.time()
    if time.time() - looked > min(10, HOLE_S):
        looked = time.time()
        look_for_holes()
        if not behind:
            look_for_silence(time.time() - deaf)
