"""An HTTP/1.1 server with keep-alive and a thread a connection, which ends in one of several ways after SIGTERM. Answers
that come during the stop close their connection; idle ones stay open until the exit. /slow never answers."""
import argparse
import os
import select
import signal
import socket
import threading
import time

WAYS = {"leave": "at once", "flag": "once it looks at the flag that the handler sets, which it does every --ms",
        "sleep": "after a sleep", "poll": "after a poll of a pipe that nobody writes to, which times out",
        "condition": "after a wait for what nobody notifies", "work": "after work for a processor",
        "limit": "once no request is open any more, but after --ms at the latest"}
parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--way", choices=WAYS, required=True)
parser.add_argument("--ms", type=float, default=0)
options = parser.parse_args()
seconds = options.ms / 1000

stopping = threading.Event()
changed = threading.Condition()
requests = 0


def count(more):
    global requests
    with changed:
        requests += more
        changed.notify_all()


def serve(connection):
    with connection:
        while request := connection.recv(65536):
            count(1)
            if b" /slow " in request:
                time.sleep(1000)
            last = stopping.is_set()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + (b"Connection: close\r\n" if last else b"") +
                               b"\r\nok")
            count(-1)
            if last:
                return


def accept(listener):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def await_stop():
    if options.way != "flag":
        signal.sigwait([signal.SIGTERM])
        return
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    while not told:
        time.sleep(seconds)


def end():
    if options.way == "sleep":
        time.sleep(seconds)
    elif options.way == "poll":
        reader, _ = os.pipe()
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        poll.poll(options.ms)
    elif options.way == "condition":
        nobody = threading.Condition()
        with nobody:
            nobody.wait(seconds)
    elif options.way == "work":
        limit = time.process_time() + seconds
        while time.process_time() < limit:
            pass
    elif options.way == "limit":
        with changed:
            changed.wait_for(lambda: requests == 0, seconds)


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
listener = socket.create_server(("127.0.0.1", options.port), backlog=128)
threading.Thread(target=accept, args=(listener,), daemon=True).start()
print("ready", flush=True)
await_stop()
stopping.set()
listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
listener.close()
end()
os._exit(0)
