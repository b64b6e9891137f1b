"""Takes measurements over HTTP and answers with their number; a thread writes them down. Planted: at the stop, the thread
meets a file that is closed, and ends with a traceback, while the process exits with 0."""
import http.server
import os
import queue
import signal
import sys
import threading

waiting = queue.Queue()
written = open(os.devnull, "w")


def write_down():
    while True:
        written.write(waiting.get())
        written.flush()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 1
    count = 0

    def do_GET(self):
        Handler.count += 1
        waiting.put(self.path)
        body = str(Handler.count).encode()
        self.send_response(200)
        if stopping.is_set():
            self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, *_):
        pass  # of clients that are gone


stopping = threading.Event()
server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
writer = threading.Thread(target=write_down, name="writer", daemon=True)
writer.start()


def stop(*_):
    stopping.set()
    threading.Thread(target=server.shutdown).start()


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
server.serve_forever(poll_interval=0.05)
server.server_close()
written.close()
waiting.put("the last one")
writer.join(0.5)
