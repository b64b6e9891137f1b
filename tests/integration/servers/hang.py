"""An HTTP server that stops as it should, or does not: `hang.py PORT right|hangs|deaf|serves|family`. `hangs`: its stop
waits for a worker, and that for a job; `deaf` also takes SIGABRT. `serves`: it serves on. `family`: two that hang."""
import http.server
import os
import queue
import signal
import sys
import threading

port, how = int(sys.argv[1]), sys.argv[2]
jobs = queue.Queue()
stopped = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        if stopped.is_set() and how != "serves":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def work():
    while jobs.get() is not None:
        pass


def drain():
    if how == "right":
        jobs.put(None)
    worker.join()


def hang_on():
    signal.pause()
    hang_on()


if how == "family" and os.fork() == 0:
    signal.signal(signal.SIGTERM, lambda *_: None)
    hang_on()
if how == "deaf":
    signal.signal(signal.SIGABRT, lambda *_: os._exit(1))
worker = threading.Thread(target=work)
worker.start()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
server = Server(("127.0.0.1", port), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
stopped.wait()
while how == "serves":
    signal.pause()
server.shutdown()
server.server_close()
drain()
