"""A WSGI application: no framework, an answer takes 30 ms."""
import time


def app(environ, start_response):
    time.sleep(0.03)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    return [b"served"]
