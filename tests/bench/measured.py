"""The processes of the benchmarks, measured from outside: servers under test, and the clients they hold."""
import ctypes
import itertools
import json
import os
import re
import socket
import statistics
import subprocess
import threading
import time
from pathlib import Path

from lastcall_cli import LASTCALL

ROUNDS = int(os.environ.get("LASTCALL_ROUNDS", "3"))
SECONDS = float(os.environ.get("LASTCALL_SECONDS", "10"))
TOOLS = Path(LASTCALL).resolve().parent
PORTS = itertools.count(9600)  # below the ephemeral range, above lastcall's and those of overhead.py
LIMIT = 120  # seconds for anything at all: a server that hangs ends the benchmark


def port():
    return next(PORTS)


def median(values, digits=2):
    return round(statistics.median(values), digits)


class Certificate:
    def __init__(self, folder):
        self.file, self.key = f"{folder}/cert.pem", f"{folder}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-keyout", self.key, "-out", self.file],
                       check=True, capture_output=True)


class ServiceManager:
    """A socket that takes what programs notify, as systemd's does, and counts the heartbeats."""

    def __init__(self, folder):
        self.path, self.beats = f"{folder}/notify", 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            self.beats += self.socket.recv(4096).count(b"WATCHDOG=1")


class Measured:
    """A process until it is stopped; killed at the end of `with`, whatever happens."""

    def __init__(self, words, environment=None, stdin=None, stdout=subprocess.DEVNULL):
        self.begin = time.monotonic()
        self.process = subprocess.Popen([TOOLS / words[0], *map(str, words[1:])], stdin=stdin, stdout=stdout, text=True,
                                        env={**os.environ, **(environment or {})})
        clock = ctypes.c_int()
        ctypes.CDLL(None).clock_getcpuclockid(self.process.pid, ctypes.byref(clock))
        self.clock = clock.value

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def processor_seconds(self):
        """Of all its threads, also those that have ended."""
        return time.clock_gettime(self.clock)

    def waited_seconds(self):
        """How long its threads were ready to run and others had the processors: sched-stats.rst of the kernel."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[1]) for task in tasks) / 1e9

    def percent_of_a_processor(self, seconds):
        used, begin = self.processor_seconds(), time.monotonic()
        time.sleep(seconds)
        return 100 * (self.processor_seconds() - used) / (time.monotonic() - begin)

    def kilobytes(self):
        """Its memory: Rss of proc(5). Not Pss, which is less as soon as the clients map the same libraries."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Rss: +(\d+) kB", text, re.M)[1])

    def until_answers(self, plain_port=None, tls_port=None):
        """Seconds from its start to the first answer over HTTP, or to the first connection on a port that has none."""
        while True:
            try:
                with socket.create_connection(("127.0.0.1", plain_port or tls_port), 5) as connection:
                    if plain_port:
                        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                        assert b" 200 " in connection.recv(4096)
                    return time.monotonic() - self.begin
            except ConnectionRefusedError:
                assert self.process.poll() is None and time.monotonic() - self.begin < LIMIT, "it does not start"
                time.sleep(0.0005)

    def stop(self):
        """Milliseconds from SIGTERM to its end, passed and of a processor."""
        used, begin = self.processor_seconds(), time.monotonic()
        self.process.terminate()
        _, status, usage = os.wait4(self.process.pid, 0)  # not wait(), which polls if it has a limit
        passed = time.monotonic() - begin
        self.process.returncode = os.waitstatus_to_exitcode(status)
        assert self.process.returncode == 0, f"{self.process.args[0]} exited with {self.process.returncode}"
        return {"ms": 1000 * passed, "processor_ms": 1000 * (usage.ru_utime + usage.ru_stime - used)}


class Clients(Measured):
    """held_clients: all connected when this is constructed."""

    def __init__(self, port, path, count):
        super().__init__(["held_clients", port, path, count], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.connected = self.next()
        assert self.connected["connected"] == count, str(self.connected)

    def next(self):
        return json.loads(self.process.stdout.readline())

    def round(self, seconds, message):
        self.process.stdin.write(f"{seconds} {message}\n")
        self.process.stdin.flush()
        return self.next()


def with_tls(program, certificate, folder, plain_port, tls_port):
    """The command of a server that has the reference server's endpoints."""
    return [program, "--port", plain_port, "--tls-port", tls_port, "--cert", certificate.file, "--key", certificate.key,
            "--state", f"{folder}/state-{plain_port}"]
