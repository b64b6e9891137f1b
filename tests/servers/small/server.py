"""Small servers over HTTP/1.1 or WebSocket, a thread a connection: `server.py MODE PORT`. What each MODE is, right or
wrong, says the table of ../strangers.py. One that does nothing wrong stops so: it closes its listener, answers the
requests that it has read, says goodbye to everybody, waits until they are gone, and exits 0, if it does not let the
signal end it then."""
import atexit
import base64
import ctypes
import faulthandler
import hashlib
import itertools
import logging
import mmap
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

MODE, PORT = sys.argv[1], int(sys.argv[2])
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 4.2.2
# How long an answer takes, in seconds.
TAKES = {"drops_young": 0.05, "answers_young": 0.05, "drops_slow": 1.5, "answers_slow": 1.5, "waits_for_open": 0.3,
         "closes_pool_first": 0.05}
# What a Close frame says, and none: a Close frame without a code. Others say 1001.
CODES = {"empty_close": None, "code_1012": 1012, "code_4001": 4001, "two_defects": 1011, "error_at_once": 1011}

SHARED = f"/dev/shm/planted-{os.getpid()}"  # as shm_open(3) makes it

stopping = threading.Event()
shared = []
wake_reader, wake_writer = os.pipe()
connections = []  # threads
numbers = itertools.count(1)  # of requests
clients = set()  # connections that asked for something, until the server says goodbye to them


def readable(connection):
    """Whether bytes are there; False at the stop."""
    is_patient = MODE in ("waits_for_idle", "waits_for_quiet") or threading.current_thread().name == "late"
    if is_patient:  # whoever says nothing is never told
        return bool(select.select([connection], [], [])[0])
    return connection in select.select([connection, wake_reader], [], [])[0]


def goodbye(connection):
    """FIN, then what still comes is read: closing with unread bytes would be a reset."""
    clients.discard(connection)
    connection.settimeout(2)
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(4096):
        pass


def status():
    if MODE == "leaks_pool" and stopping.is_set():
        return "503 Service Unavailable"
    if MODE == "redirects":
        return "302 Found\r\nLocation: /login"
    return "500 Internal Server Error" if MODE == "closes_pool_first" and stopping.is_set() else "200 OK"


def answer_requests(connection, pending):
    while True:
        while b"\r\n\r\n" not in pending:
            if not readable(connection):
                return goodbye(connection)
            more = connection.recv(4096)
            if not more:
                return
            pending += more
        pending = pending.partition(b"\r\n\r\n")[2]
        at_request()
        time.sleep(TAKES.get(MODE, 0))
        if MODE == "leaks_pool" and next(numbers) > 20:
            stopping.wait()
        if MODE in ("cuts_without_length", "empties_answers"):
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            time.sleep(0.05)
            connection.sendall(b"ok" if MODE == "cuts_without_length" else b"o" * random.randint(1, 99))
            return goodbye(connection)
        last = stopping.is_set() and MODE != "takes_late"
        length = 99 if MODE == "wrong_length" else 2
        connection.sendall(f"HTTP/1.1 {status()}\r\nContent-Length: {length}\r\n".encode() +
                           (b"Connection: close\r\n" if last else b"") + b"\r\nok")
        if last or MODE == "wrong_length":
            return goodbye(connection)


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("the client is gone")
        data += more
    return data


def read_frame(connection):
    """The opcode and the payload of a client's frame, which is masked and short here."""
    first, length = exactly(connection, 2)
    mask = exactly(connection, 4)
    return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(exactly(connection, length & 0x7F)))


def close_frame():
    code = CODES.get(MODE, 1001)
    payload = b"" if code is None else struct.pack("!H", code)
    return struct.pack("!BB", 0x88, len(payload)) + payload


def echo_messages(connection, head):
    key = next(line.split(b":")[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    if MODE == "error_at_once":
        connection.sendall(close_frame())
        while readable(connection) and connection.recv(4096):  # TCP stays open until the stop
            pass
        return goodbye(connection)
    while readable(connection):
        opcode, payload = read_frame(connection)
        if opcode == 8:
            connection.sendall(close_frame())
            return goodbye(connection)
        if MODE != "never_echoes":
            connection.sendall(struct.pack("!BB", 0x81, len(payload)) + payload)
        if stopping.is_set():
            break
    if MODE == "cuts_websockets":
        return connection.shutdown(socket.SHUT_RDWR)
    connection.sendall(close_frame())
    connection.settimeout(2)
    while read_frame(connection)[0] != 8:
        pass
    if MODE == "reset_after_goodbye":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return None
    return goodbye(connection)


def serve(connection):
    with connection:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head = b""
            while b"\r\n\r\n" not in head:
                if not readable(connection):
                    return goodbye(connection)
                more = connection.recv(4096)
                if not more:  # somebody who looks whether the port is open
                    return None
                head += more
            clients.add(connection)
            return (echo_messages if b"\r\nupgrade: websocket" in head.lower() else answer_requests)(connection, head)
        except OSError:  # the client is gone
            return None


def accept_all(listener):
    while listener in select.select([listener, wake_reader], [], [])[0]:
        connections.append(threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True))
        connections[-1].start()
    if MODE == "takes_late":
        limit = time.monotonic() + 1
        while (left := limit - time.monotonic()) > 0:
            if select.select([listener], [], [], left)[0]:
                threading.Thread(target=serve, args=(listener.accept()[0],), name="late", daemon=True).start()
    if MODE != "leaves_port":
        listener.close()


def apart(act):
    """Runs it in a grandchild with a session of its own; nobody waits for it."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            act()
        os._exit(0)


def chain():
    """Each forks the next and exits. For some seconds."""
    limit = time.monotonic() + 5
    while time.monotonic() < limit:
        if os.fork() > 0:
            os._exit(0)
    os._exit(0)


def work(seconds):
    """Of processor time, in short system calls."""
    while time.process_time() < seconds:
        os.stat("/")


def notify_ready():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        address = os.environ.get("NOTIFY_SOCKET", "")
        unix.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)


requests = 0


def at_request():
    global requests
    requests += 1
    if requests == 3 and MODE == "logs_caught_error":
        try:
            int("none")
        except ValueError:
            logging.exception("a bad order, which is skipped")
    elif MODE == "much_output" and requests == 3:
        for _ in range(200):
            os.write(1, (b"y" * 127 + b"\n") * 800)


def prepare():
    """What it does before it listens."""
    if MODE in ("leaves_pid_file", "removes_pid_file"):
        with open("server.pid", "w") as file:
            file.write(str(os.getpid()))
    elif MODE in ("leaves_shared_memory", "removes_shared_memory"):
        with open(SHARED, "w+b") as file:
            file.truncate(4096)
            shared.append(mmap.mmap(file.fileno(), 4096))
    elif MODE == "child_says_ready":
        if os.fork() == 0:
            try:
                notify_ready()
            finally:
                os._exit(0)
        os.wait()
    elif MODE == "socket_in_tmpdir":
        path = os.path.join(tempfile.gettempdir(), "control-socket-of-the-server.sock")
        socket.socket(socket.AF_UNIX).bind(path)
        atexit.register(os.unlink, path)
    elif MODE == "cache_in_tmpdir":
        with tempfile.NamedTemporaryFile(suffix=".bin", delete=False) as file:
            file.write(b"computed once")


def count(name):
    raise RuntimeError(f"cannot write {name}")


def beat():
    while True:
        time.sleep(1)


def deadlock():
    first, second = threading.Lock(), threading.Lock()
    each_has_one = threading.Barrier(2)

    def flush():
        with second:
            each_has_one.wait()
            with first:
                pass
    with first:
        thread = threading.Thread(target=flush)
        thread.start()
        each_has_one.wait()
        with second:
            thread.join()


def drain():
    while clients:
        time.sleep(0.01)


def end():
    """What it does once everybody is gone; it exits with what this returns."""
    if MODE == "sleeps":
        time.sleep(1)
    elif MODE == "misses_leaver":
        drain()
    elif MODE == "exit_code":
        return 3
    elif MODE == "fails_at_exit":
        atexit.register(count, "statistics")
        sys.exit(0)
    elif MODE == "child_crashes":
        if os.fork() == 0:
            faulthandler.disable()  # without a word
            ctypes.string_at(0)
        os.wait()
    elif MODE == "lock_deadlock":
        deadlock()
    elif MODE in ("forgotten_thread", "two_defects"):
        threading.Thread(target=beat).start()
        sys.exit(0)
    elif MODE == "thread_dies":
        thread = threading.Thread(target=count, args=("statistics",))
        thread.start()
        thread.join()
    elif MODE == "removes_pid_file":
        os.unlink("server.pid")
    elif MODE == "removes_shared_memory":
        os.unlink(SHARED)
    elif MODE == "leaves_child":
        subprocess.Popen(["sleep", "97"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    elif MODE == "leaves_port":
        apart(lambda: time.sleep(97))
    elif MODE == "leaves_chain":
        apart(chain)
    elif MODE == "brief_helpers":
        for after in (0.01, 0.03, 0.05):
            apart(lambda after=after: time.sleep(after))
    elif MODE == "busy_helper":
        apart(lambda: work(0.1))
    elif MODE == "slow_interpreter":
        atexit.register(work, time.process_time() + 0.15)
        sys.exit(0)
    elif MODE == "socket_in_tmpdir":
        sys.exit(0)
    return 0


def begin_stop(*_):
    if MODE in ("drops_young", "drops_slow", "cuts_without_length", "empties_answers"):
        os._exit(0)
    stopping.set()
    os.write(wake_writer, b"x")  # read by nobody: whoever waits sees it


def main():
    if MODE in ("polls", "raises_again"):
        signal.signal(signal.SIGTERM, begin_stop)
    else:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    prepare()
    listener = socket.create_server(("127.0.0.1", PORT), backlog=128)
    accepting = threading.Thread(target=accept_all, args=(listener,), daemon=True)
    accepting.start()
    if MODE == "polls":
        while not stopping.is_set():
            time.sleep(0.1)
    elif MODE == "raises_again":
        select.select([wake_reader], [], [])
    else:
        signal.sigwait({signal.SIGTERM})
        begin_stop()
    accepting.join()
    for thread in connections:
        thread.join()
    code = end()
    sys.stdout.flush()
    if MODE == "raises_again":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
    os._exit(code)


main()
