#!/usr/bin/env python3
"""Kills with SIGKILL whoever takes longer to stop than it said: watchdog.py SOCKET. A server connects, says
"stopping MILLISECONDS" when it begins to stop, and is judged until it closes. Ends at SIGTERM."""
import os
import signal
import socket
import struct
import sys
import threading


def watch(connection):
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    with connection, os.fdopen(os.pidfd_open(pid)) as process, connection.makefile() as said:
        stopping = said.readline().split()
        if not stopping:  # it is gone already
            return
        connection.settimeout(int(stopping[1]) / 1000)
        try:
            connection.recv(1)
        except TimeoutError:
            signal.pidfd_send_signal(process.fileno(), signal.SIGKILL)


def main():
    path = sys.argv[1]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        try:
            listener.listen(16)
            print("listening", flush=True)
            while True:
                threading.Thread(target=watch, args=(listener.accept()[0],), daemon=True).start()
        finally:
            os.unlink(path)


if __name__ == "__main__":
    main()
