"""A shop: each page takes a while. As many are written: SIGTERM ends the process where it stands."""
import http.server
import signal
import sys
import time


class Page(http.server.BaseHTTPRequestHandler):
    timeout = 2

    def do_GET(self):
        time.sleep(0.05)  # the database
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"sold\n")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server.serve_forever()
