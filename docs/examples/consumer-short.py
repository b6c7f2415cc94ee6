#!/usr/bin/python3
"""A sensor's alerts, each once, holes and silence: consumer-short.py redis://localhost fra1 siem siem.db"""
import json, redis, sqlite3, sys, time
url, sensor, group, path = sys.argv[1:]
alerts, health = ("leaktap:{%s}:%s" % (sensor, s) for s in ("alerts", "health"))
r = redis.Redis.from_url(url, decode_responses=True, socket_timeout=10)
db, start, beat, silent, look = sqlite3.connect(path), "0", None, False, 0  # "0": what we had in hand when we died
db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, ordinal INT)")
while True:
    try:
        entries = r.xautoclaim(alerts, group, "one", 60000, "0-0")[1]  # ... or another did
        for _, new in r.xreadgroup(group, "one", {alerts: start}, count=100, block=1000):
            entries += new
        start = start if entries else ">"
        with db:  # handled and remembered, or neither: XACK comes last
            for id_, f in entries:
                last, = db.execute("SELECT ordinal FROM seen ORDER BY rowid DESC LIMIT 1").fetchone() or [0]
                if f and db.execute("INSERT OR IGNORE INTO seen VALUES (?,?)", (id_, f["ordinal"])).rowcount:
                    if int(f["ordinal"]) > last + 1:
                        print("ALARM alerts", last + 1, "to", int(f["ordinal"]) - 1, "are missing", flush=True)
                    if "suppressed" not in f and "test" not in (rec := json.loads(f["json"])):
                        print("ALERT", rec["severity"], rec["id"], rec["summary"], flush=True)
        r.xack(alerts, group, *[id_ for id_, _ in entries] or ["0-1"])
        beat = next((id_ for id_, f in r.xrevrange(health, count=20) if f["kind"] == "sensor.health"), beat)
        if time.time() > look and silent != (silent := bool(beat) and time.time() - int(beat.split("-")[0]) / 1000 > 30):
            print("ALARM no heartbeat since", beat if silent else "... there is one again", flush=True)
    except redis.ResponseError:  # NOGROUP: the first time, or the server was emptied; IDs stay what they were
        r.xgroup_create(alerts, group, id="0", mkstream=True)
    except (redis.ConnectionError, redis.TimeoutError):
        look = time.sleep(1) or time.time() + 60  # the sensor may need 30 s to find the server again
