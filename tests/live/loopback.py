"""A loopback device shows every packet twice, going out and coming in: each counts once, with any number of workers."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lib
from lib import case, equal, true, until

TALK = ("import socket; a = socket.create_server(('127.0.0.1', 7)); \nfor i in range(20):\n"
        " b = socket.create_connection(('127.0.0.1', 7)); c, _ = a.accept(); b.sendall(b'x' * 100); c.recv(200); b.close(); c.close()")


def main():
    with lib.folder() as folder, lib.Net() as net:
        net.ip("-n", net.a, "link", "set", "lo", "up")
        for workers in (1, 2, 3):
            with case(f"{workers} workers on a loopback device"):
                path = os.path.join(folder, f"stderr{workers}")
                env = dict(os.environ, XDG_STATE_HOME=folder)
                with open(path, "w") as err, lib.process(
                        net.at(net.a, lib.LEAKTAP, "run", "-i", "lo", "-w", str(workers)), stdout=subprocess.DEVNULL,
                        stderr=err, env=env) as sensor:
                    until(30, "the sensor watches", lambda: "watching" in open(path).read())
                    subprocess.run(net.at(net.a, sys.executable, "-c", TALK), check=True, timeout=30)
                    sensor.terminate()
                    equal(sensor.wait(30), 0, "status")
                text = open(path).read()
                seen, read = map(int, re.search(r"seen (\d+) = read (\d+)", text).groups())
                true(seen == read and seen >= 20 * 8, text)
                equal(text.count(": balanced"), 3, text)
    lib.finish()


lib.whole(main)
