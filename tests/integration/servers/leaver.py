"""A small HTTP server that exits 0 on SIGTERM and leaves what its option says."""
import argparse
import http.server
import mmap
import os
import signal
import socket
import tempfile
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--leaves", default="nothing",
                    choices=["nothing", "chain", "helpers", "worker", "slowed", "sleeper", "cache", "shared-memory"])
parser.add_argument("--maps", help="a name of shared memory that it makes and removes; with --leaves, does not")
parser.add_argument("--socket", action="store_true", help="binds a socket in TMPDIR and removes it")
parser.add_argument("--socket-in", help="and one in this folder")
parser.add_argument("--socket-in-cwd", action="store_true", help="and one in its working directory, by its whole path")
parser.add_argument("--without-links", action="store_true", help="the sockets' paths have none")
options = parser.parse_args()


def apart(act):
    """Runs it in a grandchild with a session of its own; nobody waits for it."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for stream in (0, 1, 2):
                os.close(stream)
            act()
        os._exit(0)


def chain():
    """Each forks the next and exits: whoever looks at one of them sees it vanish. For some seconds."""
    limit = time.monotonic() + 15
    while time.monotonic() < limit:
        if os.fork() > 0:
            os._exit(0)
    os._exit(0)


def work(seconds):
    """Of processor time, in many short system calls, as removing a large folder takes them."""
    while time.process_time() < seconds:
        for _ in range(100):
            os.stat("/")


def work_with_pauses():
    """As on a machine on which others take two thirds of the processor."""
    for share in range(1, 21):
        work(share * 0.005)
        time.sleep(0.02)


def leave():
    if options.leaves == "chain":
        apart(chain)
    elif options.leaves == "helpers":
        for after in (0.01, 0.03, 0.05):
            apart(lambda after=after: time.sleep(after))
    elif options.leaves == "worker":
        apart(lambda: work(0.1))
    elif options.leaves == "slowed":
        apart(work_with_pauses)
    elif options.leaves == "sleeper":
        apart(lambda: os.execvp("sleep", ["sleep", "97"]))
    elif options.leaves == "cache":
        with tempfile.NamedTemporaryFile(suffix=".bin", delete=False) as file:
            file.write(b"computed once")
    if options.maps and options.leaves != "shared-memory":
        os.unlink(f"/dev/shm/{options.maps}")


def map_shared():
    """As shm_open(3) and mmap(2) do it."""
    with open(f"/dev/shm/{options.maps}", "w+b") as file:
        file.truncate(4096)
        return mmap.mmap(file.fileno(), 4096)


shared = map_shared() if options.maps else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"hi")

    def log_message(self, *_):
        pass


def bind(folder):
    folder = os.path.realpath(folder) if options.without_links else os.path.abspath(folder)
    path = os.path.join(folder, "a-socket-with-a-usual-name.sock")
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(path)
    return path


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    folders = ([tempfile.gettempdir()] if options.socket else []) + ([options.socket_in] if options.socket_in else [])
    folders += ["."] if options.socket_in_cwd else []
    bound = [bind(folder) for folder in folders]
    print("TMPDIR", tempfile.gettempdir(), flush=True)
    print("ready", flush=True)
    signal.sigwait([signal.SIGTERM])
    server.shutdown()
    server.server_close()
    for path in bound:
        os.unlink(path)
    leave()
    os._exit(0)


main()
