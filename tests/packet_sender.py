"""Sends the frames of a pcap, one after the other, out of an interface.

    packet_sender.py CAPTURE INTERFACE [PAUSE_EVERY]      frames between two pauses (50)"""
import socket
import struct
import sys
import time

PAUSE_S = 0.002  # a sensor with sanitizers reads no faster


def main():
    every = int(sys.argv[3]) if len(sys.argv) > 3 else 50
    data = open(sys.argv[1], "rb").read()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((sys.argv[2], 0))
        at, n = 24, 0
        while at + 16 <= len(data):
            size = struct.unpack("<I", data[at + 8:at + 12])[0]
            s.send(data[at + 16:at + 16 + size])
            at += 16 + size
            n += 1
            if n % every == 0:
                time.sleep(PAUSE_S)


main()
