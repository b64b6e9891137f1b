"""Says where and as which user it runs, as lines "name value"; exits 0 on SIGTERM, where it handles that. What it is
asked to do beforehand is done after "ready"."""
import argparse
import os
import resource
import signal
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--deaf", action="store_true", help="handles no signal")
parser.add_argument("--eat", type=int, default=0, help="megabytes of memory, once USR1 came")
parser.add_argument("--open", type=int, default=0, help="descriptors, once USR1 came")
parser.add_argument("--fill", action="store_true", help="writes its disk full, once USR1 came")
parser.add_argument("--spin", type=float, default=0, help="seconds of processor time")
parser.add_argument("--beat", type=float, default=0, help="says the time so often")
options = parser.parse_args()


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def attempt(deed):
    try:
        return deed()
    except OSError as error:
        return error.strerror


def fill():
    written = 0
    with open("filler", "wb", buffering=0) as file:
        try:
            while written < 64 << 20:
                written += file.write(b"x" * 4096)
        except OSError as error:
            say("filled", written, error.strerror)


def act(*_):
    if options.eat:
        hoard = bytearray(os.urandom(4096)) * (options.eat * 256)
        say("ate", len(hoard))
    if options.open:
        held = []
        try:
            for _ in range(options.open):
                held.append(os.open("/dev/null", os.O_RDONLY))
            say("opened all")
        except OSError as error:
            say("opened", len(held), error.strerror)
            for number in held:
                os.close(number)
    if options.fill:
        fill()


if not options.deaf:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
signal.signal(signal.SIGUSR1, act)
say("pid", os.getpid())
say("parent", os.getppid())
say("processes", *sorted(int(name) for name in os.listdir("/proc") if name.isdigit()))
say("ids", os.getuid(), os.geteuid(), os.getgid(), *os.getgroups())
say("home", os.environ["HOME"], os.environ.get("USER"))
say("descriptors", *resource.getrlimit(resource.RLIMIT_NOFILE))
disk = os.statvfs(".")
say("disk", disk.f_blocks * disk.f_frsize)
say("layout", attempt(lambda: open("laid/out.txt").read().strip()))
say("writes", attempt(lambda: open("own.txt", "w").write("mine")))
say("stdout", attempt(lambda: open("/dev/stdout", "w").write("")))
if options.spin:
    begin, used = time.monotonic(), time.process_time()
    while time.process_time() - used < options.spin:
        pass
    say("spun", time.monotonic() - begin)
say("ready")
while True:
    if options.beat:
        time.sleep(options.beat)
        say("beat", time.monotonic_ns())
    else:
        signal.pause()
