"""A target with two children; each process says on standard output which signals it got: "parent got SIGTERM". On
SIGTERM each ends, with 0. Options make the children deaf to it, or the parent say more."""
import os
import select
import signal
import socket
import sys
import time

NAMES = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2]


def say(text):
    os.write(1, (text + "\n").encode())


def live(name, on_term, is_up=lambda: None):
    wake, tell = socket.socketpair()
    tell.setblocking(False)
    signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
    for number in NAMES:
        signal.signal(number, lambda *_: None)
    say(f"{name} is up")
    is_up()
    while True:
        for number in wake.recv(64):
            say(f"{name} got {signal.Signals(number).name}")
            if number == signal.SIGTERM:
                on_term()
                os._exit(0)


def wait_for_children():
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def main():
    heard, tell = os.pipe()
    for name in ("first", "second"):
        if os.fork() == 0:
            live(name, lambda: None, is_up=lambda: os.write(tell, b"x"))
    # A signal before a child has its handlers would end it without a word.
    for _ in range(2):
        os.read(heard, 1)

    def end():
        # As servers with workers do it.
        for child in children():
            os.kill(child, signal.SIGTERM)
        wait_for_children()

    def children():
        return [int(pid) for pid in open("/proc/self/task/%d/children" % os.getpid()).read().split()]

    live("parent", end)


main()
