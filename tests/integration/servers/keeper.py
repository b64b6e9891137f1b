"""A small HTTP server that keeps what it acknowledges: GET /put/ID appends ID to a journal and answers, and so does
POST /typed for the id in its JSON body, POST /orders for an id of its own; GET /has/ID and GET /all say what is there, GET /health says whether it is ready, GET /config what it was told. On SIGTERM it
withdraws its readiness, closes its listener a little later, writes its checkpoint whole, logs a last line, exits 0.
Options make it do one thing wrong."""
import argparse
import http.server
import json
import os
import signal
import sqlite3
import sys
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--workers", default="2")
parser.add_argument("--lose", action="store_true", help="the second acknowledged item is not kept")
parser.add_argument("--double", action="store_true", help="the second acknowledged item is kept twice")
parser.add_argument("--cut", action="store_true", help="the checkpoint is written in half")
parser.add_argument("--once", action="store_true", help="does not start where it has run before")
parser.add_argument("--healthy", action="store_true", help="readiness stays until the listener is gone")
parser.add_argument("--fixed", action="store_true", help="says 2 workers whatever it is told")
parser.add_argument("--silent", action="store_true", help="no last line")
parser.add_argument("--forget", action="store_true", help="keeps everything in memory only")
parser.add_argument("--late", type=float, default=0, help="seconds until an item is written and shown, or the stop")
parser.add_argument("--nameless", action="store_true", help="does not say the id that it chose")
parser.add_argument("--token", help="what the header X-Token must be")
parser.add_argument("--hungry", action="store_true", help="takes 64 MiB more than it needs")
options = parser.parse_args()

JOURNAL, CHECKPOINT, DATABASE, LOG = "journal.txt", "state.json", "state.db", "server.log"
if options.once and os.path.exists(LOG):
    sys.exit("it was here before")
ballast = b"x" * (64 << 20) if options.hungry else b""
lock = threading.Lock()
journal = open(JOURNAL, "w" if options.forget else "a")
orders = 7  # the first id of its own
held_back = []
ready = True
closing = False


def log(line):
    with open(LOG, "a") as file:
        file.write(line + "\n")


def keep(item):
    with lock:
        with open(JOURNAL) as file:
            first_second = len(file.readlines()) == 1 and not os.path.exists("wrong")
        times = 1
        if first_second and (options.lose or options.double):
            open("wrong", "w").close()
            times = 0 if options.lose else 2
        if options.late:
            held_back.append(item)
            threading.Timer(options.late, write_held_back).start()
            return
        journal.write((item + "\n") * times)
        journal.flush()


def write_held_back():
    with lock:
        journal.writelines(item + "\n" for item in held_back)
        held_back.clear()
        journal.flush()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: no pause for a delayed acknowledgement

    def do_POST(self):
        global orders
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if options.token and self.headers["X-Token"] != options.token:
            return self.answer(401, "who are you?")
        if self.path == "/orders":
            with lock:
                orders += 1
                item = str(orders)
            keep(item)
            return self.answer(201, json.dumps({"order": {} if options.nameless else {"id": int(item)}}))
        if self.headers["Content-Type"] == "application/json":  # else it is a form, with no field that is known
            keep(json.loads(body)["id"])
        return self.answer(200, "thank you")

    def do_GET(self):
        what, _, item = self.path.lstrip("/").partition("/")
        if what == "put":
            keep(item)
            self.answer(200, "kept " + item)
        elif what in ("has", "all"):
            with lock, open(JOURNAL) as file:
                lines = [line for line in file.read().splitlines() if what == "all" or line == item]
            self.answer(200 if lines or what == "all" else 404, "\n".join(lines) or "nothing of " + item)
        elif what == "config":
            self.answer(200, "name: keeper\nworkers: " + ("2" if options.fixed else options.workers))
        else:
            self.answer(200 if ready else 503, "ready" if ready else "stopping")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if closing:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def checkpoint():
    text = json.dumps({"items": open(JOURNAL).read().split()})
    with open(CHECKPOINT, "w") as file:
        file.write(text[: len(text) // 2] if options.cut else text)
    database = sqlite3.connect(DATABASE)
    database.execute("CREATE TABLE IF NOT EXISTS items (id TEXT)")
    database.executemany("INSERT INTO items VALUES (?)", [(str(n) * 100,) for n in range(200)])
    database.commit()
    database.close()
    if options.cut:
        with open(DATABASE, "r+b") as file:
            file.seek(4096 + 100)
            file.write(b"\xff" * 4096)


def stop():
    global ready, closing
    closing = True
    ready = options.healthy
    time.sleep(0.3)  # the clients go, whoever watches readiness sees it
    server.shutdown()


server = Server(("127.0.0.1", options.port), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop).start())
log("started")
print("ready", flush=True)
server.serve_forever(poll_interval=0.005)
server.server_close()
write_held_back()
checkpoint()
if not options.silent:
    log("stopped with everything")
    print("goodbye", flush=True)
sys.stdout.flush()
os._exit(0)
