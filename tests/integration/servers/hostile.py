"""A server that is unkind to its clients in one way: hostile.py WAY PORT. Ends with 0 at SIGTERM."""
import base64
import hashlib
import os
import signal
import socket
import struct
import sys
import threading
import time

way, port = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        block = connection.recv(65536)
        if not block:
            break
        head += block
    return head


def upgrade(connection):
    head = read_head(connection)
    key = next(line.split(b":")[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")


def hold(connection):
    while connection.recv(65536):
        pass


def silent(connection):
    hold(connection)


def slam(connection):
    pass


def garbage(connection):
    connection.sendall(os.urandom(4096))
    hold(connection)


def endless_header(connection):
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: and more\r\n" * 100)


def huge_frame(connection):
    upgrade(connection)
    connection.sendall(b"\x82\x7f" + struct.pack(">Q", 4 << 30) + b"z" * 65536)
    hold(connection)


def plain_text(connection):
    connection.sendall(b"HTTP/1.1 400 This is no TLS port\r\nContent-Length: 0\r\n\r\n")
    hold(connection)


def data_after_close(connection):
    upgrade(connection)
    connection.sendall(b"\x88\x02\x03\xe9" + b"\x81\x04late")
    hold(connection)


def reset(connection):
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthe first part")
    time.sleep(0.02)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def play(connection):
    try:
        globals()[way](connection)
    except OSError:
        pass
    connection.close()


listener = socket.create_server(("127.0.0.1", port), backlog=128)
print("ready", flush=True)
while True:
    threading.Thread(target=play, args=(listener.accept()[0],), daemon=True).start()
