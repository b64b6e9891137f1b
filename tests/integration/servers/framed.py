"""A TCP server that takes nothing for granted: it reads a frame by its length, answers it whole, and closes without a
word where a length is wrong. --frames says how long a frame is: as a netstring, by four bytes (big endian), or by the
Content-Length of an HTTP POST."""
import argparse
import os
import signal
import socket
import threading

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--frames", required=True, choices=["netstring", "be32", "http"])
options = parser.parse_args()


def frame(source):
    """The next one; None at the end, or if it is none."""
    if options.frames == "netstring":
        digits = b""
        while (byte := source.read(1)).isdigit():
            digits += byte
        if byte != b":":
            return None
        body = source.read(int(digits))
        return body if source.read(1) == b"," else None
    if options.frames == "be32":
        size = source.read(4)
        return source.read(int.from_bytes(size, "big")) if len(size) == 4 else None
    length = None
    while (line := source.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return None if line == b"" or length is None else source.read(length)


def serve(connection):
    with connection, connection.makefile("rb") as source:
        while (body := frame(source)) is not None and body.startswith(b"<") and body.endswith(b">"):
            connection.sendall(body + b"\n")


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
listener = socket.create_server(("127.0.0.1", options.port), backlog=128)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
