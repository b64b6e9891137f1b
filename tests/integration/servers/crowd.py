"""A server for HTTP/1.1 with keep-alive and for WebSockets that echo, a thread a connection. At SIGTERM it closes its
listener, answers what it had read, says goodbye to everybody, idle or not, and exits 0. Planted, one at a time:
--waits-for idle: it waits until a keep-alive connection that it has answered says something again, or closes.
--waits-for quiet: it waits until a WebSocket that never sent a message sends one, or closes.
--ignores-close: a WebSocket client's Close frame gets none in answer.
--misses-leavers: it counts its clients, but not the end of one that leaves before the stop, and waits for all.
--lets-in SECONDS: it goes on accepting for so long, and serves who comes, while the others are sent away."""
import argparse
import base64
import hashlib
import os
import select
import signal
import socket
import struct
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("--ms", type=float, default=0, help="how long an answer takes")
parser.add_argument("--waits-for", choices=["idle", "quiet"])
parser.add_argument("--ignores-close", action="store_true")
parser.add_argument("--misses-leavers", action="store_true")
parser.add_argument("--lets-in", type=float, default=0)
options = parser.parse_args()

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 4.2.2
stopping = threading.Event()
wake_reader, wake_writer = os.pipe()
clients = set()  # connections that have said something


def stop(*_):
    stopping.set()
    os.write(wake_writer, b"x")  # read by nobody: whoever waits sees it


class Connection:
    def __init__(self, accepted):
        self.socket = accepted
        self.pending = b""
        self.is_late = options.lets_in > 0 and stopping.is_set()

    def more(self, patient=False):
        """Whether more has come; False at the end of the stream, and at the stop unless `patient`."""
        watched = [self.socket] if patient or self.is_late else [self.socket, wake_reader]
        if self.socket not in select.select(watched, [], [])[0]:
            return False
        received = self.socket.recv(4096)
        self.pending += received
        if received:
            clients.add(self)
        return bool(received)

    def request(self, is_answered, patient=False):
        """The head of the next request; None if there is none any more."""
        while b"\r\n\r\n" not in self.pending:
            if not self.more(patient):
                waits = is_answered and options.waits_for == "idle" and stopping.is_set() and not patient
                return self.request(is_answered, patient=True) if waits else None
        head, _, self.pending = self.pending.partition(b"\r\n\r\n")
        return head

    def frame(self, patient):
        """The opcode and the payload of the next frame, which is masked and short here; None if there is none."""
        while len(self.pending) < 6 or len(self.pending) < 6 + (self.pending[1] & 0x7F):
            if not self.more(patient):
                return None
        length = self.pending[1] & 0x7F
        opcode, mask, payload = self.pending[0] & 0x0F, self.pending[2:6], self.pending[6:6 + length]
        self.pending = self.pending[6 + length:]
        return opcode, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    def serve(self):
        is_answered = False
        while head := self.request(is_answered):
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            if b"upgrade" in fields:
                key = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])[b"Sec-WebSocket-Key"]
                self.echo(base64.b64encode(hashlib.sha1(key + GUID).digest()))
                return
            time.sleep(options.ms / 1000)
            last = stopping.is_set()
            self.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" +
                                (b"Connection: close\r\n" if last else b"") + b"\r\nok")
            is_answered = True
            if last:
                return

    def echo(self, accept):
        self.socket.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        heard = False
        while frame := self.frame(patient=False):
            opcode, payload = frame
            if opcode == 8:
                if not options.ignores_close:
                    self.socket.sendall(struct.pack("!BBH", 0x88, 2, 1000))
                return
            heard = True
            time.sleep(options.ms / 1000)
            self.socket.sendall(struct.pack("!BB", 0x81, len(payload)) + payload)
        if not stopping.is_set():  # the client is gone
            return
        if not heard and options.waits_for == "quiet":
            self.frame(patient=True)
        self.socket.sendall(struct.pack("!BBH", 0x88, 2, 1001))
        while frame := self.frame(patient=True):
            if frame[0] == 8:
                return

    def run(self):
        with self.socket:
            try:
                self.serve()
                # The goodbye first, then what came meanwhile is read and answered by nothing: RFC 9112, 9.6.
                self.socket.shutdown(socket.SHUT_WR)
                self.socket.settimeout(1)
                while self.socket.recv(4096):
                    pass
            except OSError:  # the client is gone
                pass
        if stopping.is_set() or not options.misses_leavers:
            clients.discard(self)


def drain():
    while clients:
        time.sleep(0.01)


def accept_until(holds, listener, watched, threads):
    while holds():
        if listener not in select.select([listener, *watched], [], [], 0.05)[0]:
            continue
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threads.append(threading.Thread(target=Connection(accepted).run, daemon=True))
        threads[-1].start()


def main():
    signal.signal(signal.SIGTERM, stop)
    listener = socket.create_server(("127.0.0.1", options.port), backlog=128)
    print("ready", flush=True)
    threads = []
    accept_until(lambda: not stopping.is_set(), listener, [wake_reader], threads)
    until = time.monotonic() + options.lets_in
    accept_until(lambda: time.monotonic() < until, listener, [], threads)
    listener.close()
    for thread in threads:
        thread.join()
    drain()
    os._exit(0)


main()
