"""http.server as people use it, a thread a connection: at SIGTERM or SIGINT it takes no more, finishes what it has and
exits 0. The port is an argument, or stands in PORT. Planted: --drops ends it at once, in the middle of answers;
--ignores lets SIGTERM do nothing."""
import argparse
import os
import signal
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int, nargs="?", default=os.environ.get("PORT"))
parser.add_argument("--ms", type=float, default=0, help="how long an answer takes")
parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
parser.add_argument("--drops", action="store_true")
parser.add_argument("--ignores", action="store_true")
options = parser.parse_args()


class Handler(BaseHTTPRequestHandler):
    timeout = 1  # of a peer that says nothing

    def setup(self):
        if options.tls:
            self.request.settimeout(self.timeout)
            self.request = context.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_GET(self):
        time.sleep(options.ms / 1000)
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"served")

    def finish(self):
        super().finish()
        if options.tls:
            self.request = self.request.unwrap()  # with close_notify
            self.request.close()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # of clients that are gone


if options.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*options.tls)
server = Server(("127.0.0.1", options.port), Handler)


def stop(*_):
    if options.drops:
        os._exit(0)
    threading.Thread(target=server.shutdown).start()


signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, signal.SIG_IGN if options.ignores else stop)
server.serve_forever(poll_interval=0.05)
server.server_close()
