"""Holds as many TCP connections as come to its port and answers each line with itself; ends at once at SIGTERM."""
import os
import resource
import selectors
import signal
import socket
import sys

port, count = int(sys.argv[1]), int(sys.argv[2])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
assert hard == resource.RLIM_INFINITY or hard > count + 100, f"only {hard} descriptors are allowed"
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
listener = socket.create_server(("127.0.0.1", port), backlog=1024)
listener.setblocking(False)
waiting = selectors.DefaultSelector()
waiting.register(listener, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in waiting.select():
        if key.fileobj is listener:
            try:
                while True:
                    waiting.register(listener.accept()[0], selectors.EVENT_READ)
            except BlockingIOError:
                continue
        line = key.fileobj.recv(4096)
        if line:
            key.fileobj.sendall(line)
        else:
            waiting.unregister(key.fileobj)
            key.fileobj.close()
