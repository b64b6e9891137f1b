"""A small WebSocket server that echoes, and says goodbye as it is told: with which Close code or none, and how TCP
or the process ends afterwards. `start` has it say so right after the upgrade, and leave TCP open until SIGTERM."""
import argparse
import base64
import hashlib
import os
import signal
import socket
import struct
import sys
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("--moment", default="stop", choices=["start", "stop"])
parser.add_argument("--code", type=int, default=0, help="0: a Close frame without a code; -1: no Close frame")
parser.add_argument("--reason", default="")
parser.add_argument("--end", default="fin", choices=["fin", "reset", "hang", "abort"])
parser.add_argument("--then", choices=["abort"], help="half a second later")
options = parser.parse_args()

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 4.2.2
connections = []
stopping = threading.Event()
speaking = threading.Lock()  # nothing is said to anybody after the Close frame


def close_frame():
    payload = struct.pack("!H", options.code) + options.reason.encode() if options.code > 0 else b""
    return struct.pack("!BB", 0x88, len(payload)) + payload


def read_frame(stream):
    """The opcode and the payload of a client's frame, which is masked and short here."""
    first, length = stream.read(2)
    mask = stream.read(4)
    payload = stream.read(length & 0x7F)
    return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def play(connection):
    stream = connection.makefile("rb")
    headers = {}
    for line in iter(stream.readline, b"\r\n"):
        if not line:  # a probe of readiness
            return
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    accept = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + GUID).digest())
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    closed = threading.Event()
    closed.said = False
    connections.append((connection, closed))
    if options.moment == "start":
        connection.sendall(close_frame())
    while True:
        opcode, payload = read_frame(stream)
        if opcode == 8:
            closed.set()
            return
        with speaking:
            is_silent = closed.said or (stopping.is_set() and options.end in ("hang", "abort"))
            if options.moment == "stop" and not is_silent:
                connection.sendall(struct.pack("!BB", 0x81, len(payload)) + payload)


def serve(listener):
    def quietly(connection):
        try:
            play(connection)
        except (OSError, ValueError):  # the client is gone
            pass
    while True:
        threading.Thread(target=quietly, args=(listener.accept()[0],), daemon=True).start()


def end(connection, closed):
    if options.code >= 0 and options.moment == "stop":
        with speaking:
            closed.said = True
            connection.sendall(close_frame())
        closed.wait(1)  # for the client's own Close
    if options.end == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Closes it although another thread may read from it.
        os.dup2(os.open(os.devnull, os.O_RDWR), connection.fileno())
    elif options.end == "fin":
        connection.shutdown(socket.SHUT_WR)


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
listening = socket.create_server(("127.0.0.1", options.port), backlog=128)
threading.Thread(target=serve, args=(listening,), daemon=True).start()
print("ready", flush=True)
signal.sigwait({signal.SIGTERM})
with speaking:
    stopping.set()
for one in list(connections):
    try:
        end(*one)
    except OSError:  # the client is gone
        pass
while options.end == "hang":
    time.sleep(1)
if options.end == "abort":
    os.abort()
time.sleep(0.5 if options.then else 0.05)  # so that clients have read it all
if options.then:
    os.abort()
sys.stdout.flush()
os._exit(0)
