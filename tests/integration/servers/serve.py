"""A small HTTP server that stops as it should: closes its listener, answers what it has read, lingers until each
client has closed, exits 0. Options make it do something else, one thing at a time."""
import argparse
import logging
import os
import select
import signal
import socket
import sys
import time
import traceback

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--ready-by", default="log", choices=["log", "url", "port", "notify", "never", "exit"])
parser.add_argument("--ready-after", type=float, default=0, help="seconds until that way shows it ready")
parser.add_argument("--at-stop", default="exit", choices=["exit", "abort", "hang"])
parser.add_argument("--code", type=int, default=0)
parser.add_argument("--linger", type=float, default=0, help="seconds between the stop signal and what follows")
parser.add_argument("--deaf", action="store_true", help="ignores SIGQUIT")
parser.add_argument("--leave", action="store_true", help="a daemonised grandchild that outlives it")
parser.add_argument("--say", choices=["no-newline", "long-line", "flood", "binary", "logged-error",
                                          "childs-error"])
options = parser.parse_args()

MEGABYTE = 1 << 20


def daemonise_a_sleeper():
    """As daemons do it: fork, setsid, fork, standard streams to /dev/null. The parent waits for the first child."""
    child = os.fork()
    if child > 0:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    null = os.open("/dev/null", os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.execvp("sleep", ["sleep", "987"])


def speak(how):
    if how == "no-newline":
        os.write(1, b"last words without newline")
    elif how == "long-line":
        for _ in range(100):
            os.write(1, b"x" * MEGABYTE)
    elif how == "flood":
        for _ in range(100):
            os.write(1, (b"y" * 127 + b"\n") * (MEGABYTE // 128))
    elif how == "logged-error":
        os.write(2, b"." * 20_000)  # progress, without a newline
        try:
            int("none")
        except ValueError:
            logging.exception("a bad order")
    elif how == "childs-error":
        if os.fork() == 0:
            try:
                raise ValueError("a worker's")
            except ValueError:
                traceback.print_exc()
            os._exit(1)
        os.wait()
    elif how == "binary":
        os.write(1, bytes(range(256)) * 4 + b"\xff\xfe\x00\n")


def notify_ready():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        address = os.environ["NOTIFY_SOCKET"]
        unix.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)


def answer(connection, began):
    """False when the connection is over. Requests have no body and come in one piece."""
    try:
        request = connection.recv(65536)
        if request:
            early = options.ready_by == "url" and time.monotonic() - began < options.ready_after
            status = b"503 Too early" if early else b"200 OK"
            connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nhi")
        return bool(request) and b"connection: close" not in request.lower()
    except ConnectionError:
        return False


def say_goodbye(connection):
    """FIN, then reads what is still coming: closing with unread bytes would be a reset."""
    try:
        connection.settimeout(1)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    except OSError:
        pass
    connection.close()


wake_read, wake_write = socket.socketpair()
wake_read.setblocking(False)
wake_write.setblocking(False)
signal.set_wakeup_fd(wake_write.fileno())
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
    signal.signal(number, lambda *_: None)
if options.deaf:
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
if options.leave:
    daemonise_a_sleeper()
if options.say:
    speak(options.say)
if options.ready_by == "exit":
    sys.exit(7)

start = time.monotonic()
if options.ready_by == "port":
    time.sleep(options.ready_after)
listener = socket.create_server(("127.0.0.1", options.port), backlog=128)
told = False
connections = []
stop_at = None
while stop_at is None or time.monotonic() < stop_at:
    since = time.monotonic() - start
    if not told and since >= options.ready_after and options.ready_by in ("log", "notify"):
        told = True
        if options.ready_by == "log":
            print("\nready", flush=True)
        else:
            notify_ready()
    pause = 1 if told else 0.01
    if stop_at is not None:
        pause = max(0, min(pause, stop_at - time.monotonic()))
    readable, _, _ = select.select([listener, wake_read, *connections], [], [], pause)
    for source in readable:
        if source is wake_read:
            for number in wake_read.recv(64):
                print(f"signal {signal.Signals(number).name} at {time.monotonic_ns()}", flush=True)
                if stop_at is None and number in (signal.SIGTERM, signal.SIGINT):
                    stop_at = time.monotonic() + options.linger
        elif source is listener:
            connections.append(listener.accept()[0])
        elif not answer(source, start):
            source.close()
            connections.remove(source)
listener.close()
for connection in connections:
    say_goodbye(connection)
if options.at_stop == "abort":
    os.abort()
while options.at_stop == "hang":
    time.sleep(1)
sys.exit(options.code)
