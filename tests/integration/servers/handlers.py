"""An HTTP/1.1 server with keep-alive whose answers take their time, a thread a connection.

At SIGTERM it exits at once and drops what it had read (--drops), or it answers what it had read, takes no more and then
exits. --no-read: it accepts, and reads nothing. --short: it promises more bytes than it sends, and closes."""
import argparse
import os
import select
import signal
import socket
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--ms", type=float, default=50, help="how long an answer takes")
parser.add_argument("--drops", action="store_true")
parser.add_argument("--no-read", action="store_true")
parser.add_argument("--short", action="store_true")
options = parser.parse_args()

stopping = threading.Event()
wake_reader, wake_writer = os.pipe()


def stop(*_):
    if options.drops:
        os._exit(0)
    stopping.set()
    os.write(wake_writer, b"x")  # read by nobody: whoever waits sees it


def readable(connection):
    """Whether bytes are there; False at the stop. What is there at the stop is a request like any other."""
    ready, _, _ = select.select([connection, wake_reader], [], [])
    return connection in ready


def serve(connection):
    with connection:
        pending = b""
        while True:
            while b"\r\n\r\n" not in pending:
                if options.no_read:
                    time.sleep(1000)
                if not readable(connection):
                    # The goodbye first, then what came meanwhile is read and answered by nothing: RFC 9112, 9.6.
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(1)
                    try:
                        while connection.recv(4096):
                            pass
                    except OSError:
                        pass
                    return
                more = connection.recv(4096)
                if not more:
                    return
                pending += more
            pending = pending.partition(b"\r\n\r\n")[2]
            time.sleep(options.ms / 1000)
            last = stopping.is_set()
            length = 99 if options.short else 2
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n".encode() +
                               (b"Connection: close\r\n" if last else b"") + b"\r\nok")
            if options.short:
                return


def main():
    signal.signal(signal.SIGTERM, stop)
    listener = socket.create_server(("127.0.0.1", options.port), backlog=128)
    print("ready", flush=True)
    threads = []
    while readable(listener):
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
        threads[-1].start()
    listener.close()
    for thread in threads:
        thread.join()
    os._exit(0)


main()
