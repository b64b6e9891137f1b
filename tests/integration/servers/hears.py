"""An HTTP server that says what it hears on each connection, in the order it hears it:
hears.py PORT [CERTIFICATE KEY]. Lines: "heard CONNECTION TOTAL", "FIN CONNECTION TOTAL", "RST CONNECTION TOTAL" with
the bytes so far (below TLS: of the requests). Answers every request, also after the client's FIN. SIGTERM ends it."""
import itertools
import os
import signal
import socket
import ssl
import sys
import threading

port, tls_files = int(sys.argv[1]), sys.argv[2:]
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
numbers = itertools.count()


def notify(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.sendto(text, os.environ["NOTIFY_SOCKET"])


def say(word, number, total):
    os.write(1, f"{word} {number} {total}\n".encode())


def serve(connection, number):
    total = 0
    unanswered = b""
    try:
        if tls_files:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls_files)
            connection = context.wrap_socket(connection, server_side=True)
        while block := connection.recv(65536):
            total += len(block)
            say("heard", number, total)
            unanswered += block
            while b"\r\n\r\n" in unanswered:
                unanswered = unanswered.split(b"\r\n\r\n", 1)[1]
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        say("FIN", number, total)
    except (ConnectionError, ssl.SSLError) as error:
        say("RST" if isinstance(error, ConnectionError) else type(error).__name__, number, total)
    connection.close()


listener = socket.create_server(("127.0.0.1", port), backlog=128)
notify(b"READY=1")
os.write(1, b"ready\n")
while True:
    threading.Thread(target=serve, args=(listener.accept()[0], next(numbers)), daemon=True).start()
