"""A service that notifies its service manager, sd_notify(3). Options make it do something else, one thing at a time."""
import argparse
import array
import os
import select
import signal
import socket
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--no-listener", action="store_true")
parser.add_argument("--ready-from-child", action="store_true", help="a child says READY=1")
parser.add_argument("--main-is-child", action="store_true", help="MAINPID of a child, which says READY=1")
parser.add_argument("--start-takes", type=float, default=0, help="asks for more time, then takes so long")
parser.add_argument("--beat", type=float, default=0, help="WATCHDOG=1 so often")
parser.add_argument("--beats", type=int, default=1 << 30, help="and at most this many")
parser.add_argument("--beat-at-stop", action="store_true", help="goes on while stopping")
parser.add_argument("--say", action="append", default=[], help="after READY=1")
parser.add_argument("--flood", type=int, default=0, help="after READY=1, this many times the same long status")
parser.add_argument("--stop-takes", type=float, default=0)
parser.add_argument("--extend", type=float, default=0, help="asks for so much more time, again each half of it")
parser.add_argument("--extend-once", action="store_true")
parser.add_argument("--greedy", type=int, help="asks for this many microseconds every 100 ms, and does nothing else")
parser.add_argument("--no-stopping", action="store_true")
options = parser.parse_args()
unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = os.environ["NOTIFY_SOCKET"]
address = "\0" + address[1:] if address.startswith("@") else address


def notify(text, descriptors=()):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    unix.sendmsg([text.encode()], rights, 0, address)


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def barrier():
    """True once the other end has closed the descriptor."""
    reading, writing = os.pipe()
    notify("BARRIER=1", [writing])
    os.close(writing)
    return bool(select.select([reading], [], [], 5)[0])


def microseconds(seconds):
    return int(seconds * 1e6)


wake, tell = socket.socketpair()
tell.setblocking(False)
signal.set_wakeup_fd(tell.fileno())
signal.signal(signal.SIGTERM, lambda *_: None)

say("watchdog", os.environ.get("WATCHDOG_USEC"), os.environ.get("WATCHDOG_PID") == str(os.getpid()))
listener = None
if options.port and not options.no_listener:
    listener = socket.create_server(("127.0.0.1", options.port))
if options.greedy:
    while True:
        notify(f"EXTEND_TIMEOUT_USEC={options.greedy}")
        time.sleep(0.1)
if options.start_takes:
    notify(f"EXTEND_TIMEOUT_USEC={microseconds(options.start_takes * 2)}")
    time.sleep(options.start_takes)
if options.ready_from_child or options.main_is_child:
    go, gone = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(go, 1)
        notify("READY=1")
        signal.pause()
        os._exit(0)
    if options.main_is_child:
        notify(f"MAINPID={child}")
    os.write(gone, b"x")
else:
    notify("READY=1\nSTATUS=at work")
say("ready")
for text in options.say:
    if text == "barrier":
        say("barrier", barrier())
    else:
        notify(text.replace("\\n", "\n"))

for _ in range(options.flood):
    notify("STATUS=" + "x" * 1000)
if options.flood:
    say("flooded")

beats = 0
stop_at = None
next_extension = None
while True:
    waits = [1.0]
    if options.beat:
        waits.append(options.beat)
    if stop_at is not None:
        waits.append(max(0, stop_at - time.monotonic()))
        if next_extension is not None:
            waits.append(max(0, next_extension - time.monotonic()))
    if select.select([wake], [], [], min(waits))[0]:
        wake.recv(64)
        if stop_at is None:
            stop_at = time.monotonic() + options.stop_takes
            if not options.no_stopping:
                notify("STOPPING=1")
            if options.extend:
                next_extension = time.monotonic()
    if options.beat and beats < options.beats and (stop_at is None or options.beat_at_stop):
        beats += 1
        notify("WATCHDOG=1")
    if next_extension is not None and time.monotonic() >= next_extension:
        notify(f"EXTEND_TIMEOUT_USEC={microseconds(options.extend)}")
        next_extension = None if options.extend_once else time.monotonic() + options.extend / 2
    if stop_at is not None and time.monotonic() >= stop_at:
        if options.ready_from_child or options.main_is_child:
            os.kill(child, signal.SIGKILL)
        sys.exit(0)
