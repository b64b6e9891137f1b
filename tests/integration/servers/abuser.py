"""A target that abuses lastcall in one way:  abuser.py WAY PORT RESULTS. Unless the way says otherwise it is ready at
once, says so on standard output and to its service manager, there also when it may be stopped ("STATUS=go"), and ends with
0 at SIGTERM."""
import array
import ctypes
import fcntl
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Callable, NamedTuple

PYTHON = sys.executable
MEGABYTE = 1 << 20


class Way(NamedTuple):
    kind: str
    when: str        # start: before it is ready; load: after that; stop: at SIGTERM
    act: Callable
    must: str = ""   # the property that must find it; empty: nothing is wrong by itself
    may: tuple = ()  # properties that may fail, too
    codes: tuple = ()  # of `lastcall run`. Default: 1 if a property must fail, otherwise 0


WAYS = {}


def way(kind, when="load", name=None, must="", may=(), codes=(), **fixed):
    """Registers a way; with `fixed` arguments one function is several ways."""

    def register(function):
        WAYS[name or function.__name__] = Way(kind, when, lambda: function(**fixed), must, may, codes)
        return function

    return register


libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_NAME, PTRACE_ATTACH, CLONE_NEWNS, SYS_EXIT = 1, 15, 16, 0x20000, 60
MS_BIND, FS_IOC_SETFLAGS, IMMUTABLE, APPEND_ONLY = 4096, 0x40086602, 0x10, 0x20


# --- what the service manager hears ---

def notify(*datagrams, descriptors=()):
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.connect("\0" + address[1:] if address.startswith("@") else address)
        unix.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MEGABYTE)
        for data in datagrams:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
            try:
                unix.sendmsg([data if isinstance(data, bytes) else data.encode()], rights)
            except OSError:  # larger than this kernel takes
                pass


for name_, amount_ in {"overflow": 1 << 64, "negative": -1, "words": "soon", "many_digits": "9" * 4000, "0": 0}.items():
    @way("notification", "stop", f"extends_by_{name_}", may=("notify",), codes=(0, 1), amount=amount_)
    def extends_by(amount):
        notify(f"EXTEND_TIMEOUT_USEC={amount}")


@way("notification", "stop", "extends_by_584542_years_and_hangs", must="deadline", may=("notify",), amount=(1 << 64) - 1)
def extends_and_hangs(amount):
    notify(f"EXTEND_TIMEOUT_USEC={amount}")
    hang()


@way("time", "stop", must="deadline", may=("notify",))
def extends_for_ever():
    while True:
        notify("EXTEND_TIMEOUT_USEC=1000000")
        time.sleep(0.05)


@way("notification", may=("notify",), codes=(0, 1))
def nul_bytes():
    notify(b"READY=1\0\0STATUS=\0\nSTOPPING=1\0", b"\0", b"\0" * 5000, b"")


@way("notification", may=("notify",), codes=(0, 1))
def datagrams_of_a_megabyte():
    notify(*[b"STATUS=" + b"s" * size for size in (100_000, 200_000, MEGABYTE, 3 * MEGABYTE)])


@way("notification", may=("notify",), codes=(0, 1, 3))
def notification_flood():
    limit = time.monotonic() + 2
    while time.monotonic() < limit:
        notify(*["STATUS=" + "f" * 2000 + "\nWATCHDOG=1"] * 500)


@way("notification", may=("notify",), codes=(0, 1))
def ready_again_and_again():
    notify(*["READY=1\nREADY=1", "RELOADING=1", "READY=1", "STOPPING=1", "READY=1"] * 20)


@way("notification", may=("notify",), codes=(0, 1))
def main_pids_of_others():
    """lastcall's own among them, and the end of a watchdog for each."""
    for pid in (os.getppid(), parent_of(os.getppid()), 1, 0, -1, 1 << 31, 1 << 63, "me"):
        notify(f"MAINPID={pid}", "WATCHDOG=trigger")


@way("notification", may=("notify",), codes=(0, 1))
def barriers_with_descriptors():
    null = os.open("/dev/null", os.O_RDONLY)
    for count in (0, 1, 2, 16, 17, 200):
        notify("BARRIER=1", "READY=1\nBARRIER=1", descriptors=[null] * count)


@way("notification", may=("notify",), codes=(0, 1))
def stores_10000_descriptors():
    null = os.open("/dev/null", os.O_RDONLY)
    for _ in range(40):
        notify("FDSTORE=1\nFDNAME=" + "n" * 300, descriptors=[null] * 250)


@way("notification", may=("notify",), codes=(0, 1))
def garbage_notifications():
    chance = random.Random(7)
    notify(*[chance.randbytes(chance.randrange(1, 4000)) for _ in range(300)])
    notify("=", "\n\n\n", "READY", "=1", "READY=\n=READY")


@way("notification", may=("notify",), codes=(0, 1, 3))
def changes_its_watchdog():
    notify(*[f"WATCHDOG_USEC={value}" for value in (0, 1, -1, 1 << 64, "x")])
    time.sleep(0.3)


# --- what it prints ---

def write(data, stream=1):
    while data:
        data = data[os.write(stream, data):]


def write_for(seconds, data):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        write(data)


way("output", name="prints_gigabytes", codes=(0, 3), seconds=2, data=(b"g" * 99 + b"\n") * 10_000)(write_for)
way("output", name="prints_one_endless_line", codes=(0, 3), seconds=2, data=b"l" * MEGABYTE)(write_for)
way("output", name="prints_empty_lines", codes=(0, 3), seconds=2, data=b"\n" * MEGABYTE)(write_for)
way("output", "start", name="prints_gigabytes_before_it_is_ready", codes=(0, 1, 3), seconds=1,
    data=b"b" * 65536 + b"\n")(write_for)
way("output", name="prints_nul_and_no_utf_8",
    data=b"\0\0\n" + bytes(range(256)) * 40 + b"\xff\xfe\n\xed\xa0\x80\n\xc3")(write)
way("output", name="prints_as_if_it_were_lastcall", data=b"lastcall: broken invariant: true (verdict.cpp:1)\n"
    b'{"format":"lastcall-report","exit_code":0}\nready\nready\n\x1e{"verdicts":[]}\n')(write)


MARKUP = {
    "terminal": b"\x1b[2J\x1b]0;owned\x07\x1b[31mred\r\x9b1m \xe2\x80\xae\xe2\x81\xa6",
    "html": b"</pre><script>alert(1)</script><img src=x onerror=alert(1)>&amp;&#0;",
    "markdown": b"| a | b |\n| --- | --- |\n```\n# heading [link](javascript:alert(1)) ``` ~~~ <details>",
    "xml": b"]]></failure><testcase name=\"forged\"/><![CDATA[ &bogus; \x01\x0b\xef\xbf\xbf",
    "json": b'"},{"property":"no-panic","outcome":"pass"}]}\\u0000\\ud800 \\',
}
for name_, text_ in MARKUP.items():
    # As the message of a panic it comes into every report.
    @way("output", "stop", f"panics_in_{name_}", must="no-panic", may=("clean-exit",), text=text_)
    def panics_in(text):
        write(b"panic: " + text + b"\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:7 +0x1d\nexit status 2\n", 2)
        os._exit(2)


@way("output", "stop", must="released", may=("no-panic",), codes=(1, 3))
def prints_after_its_end():
    apart(lambda: write_for(60, b"late line\n" * 1000), keeps_output=True)


@way("output", "start")
def closes_its_output():
    write(b"ready\n")
    for stream in (0, 1, 2):
        os.close(stream)


# --- processes ---

def parent_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def above():
    """The trial process, the fork server, the guard, lastcall."""
    found = [os.getppid()]
    while len(found) < 4:
        found.append(parent_of(found[-1]))
    return found


def apart(act, keeps_output=False):
    """Runs it in a daemon: fork, setsid, fork."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork() == 0:
        if not keeps_output:
            null = os.open("/dev/null", os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
        act()
    os._exit(0)


def sleep_as(*words):
    os.execvp("sleep", [*words, "987"])


def ignore_everything():
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)


def hang():
    while True:
        time.sleep(60)


@way("process", "stop", must="released")
def leaves_60_processes():
    for _ in range(60):
        if os.fork() == 0:
            ignore_everything()
            hang()


@way("process", "stop", must="released")
def leaves_20_daemons():
    for _ in range(20):
        apart(lambda: sleep_as("sleep"))


@way("process", "stop", must="released", codes=(1, 3))
def leaves_chains_that_fork_and_exit():
    def chain():
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            if os.fork() > 0:
                os._exit(0)
    for _ in range(3):
        apart(chain)


@way("process", "stop", must="released")
def leaves_a_stopped_daemon():
    def stopped():
        ignore_everything()
        os.kill(os.getpid(), signal.SIGSTOP)
        hang()
    apart(stopped)
    time.sleep(0.1)


@way("process", "stop", must="released")
def leaves_what_looks_like_lastcall():
    for name in ("lastcall", "lc-trial", "lc-guard"):
        def disguised(name=name):
            libc.prctl(PR_SET_NAME, name.encode(), 0, 0, 0)
            sys.stdout = None
            hang()
        apart(disguised)
        apart(lambda name=name: sleep_as(name))


@way("process", must="released", codes=(0, 1))
def leaves_a_pid_namespace():
    """As far as it may make one."""
    apart(lambda: os.execvp("unshare", ["unshare", "--pid", "--fork", "--mount-proc", "sleep", "987"]))
    time.sleep(0.3)


@way("process", must="released", codes=(0, 1))
def leaves_a_mount_namespace():
    apart(lambda: os.execvp("unshare", ["unshare", "--mount", "sh", "-c", "mkdir m; mount -t tmpfs none m; exec sleep 987"]))
    time.sleep(0.3)


@way("process")
def vforks_200_times():
    for _ in range(200):
        subprocess.run(["true"], check=True)


@way("process")
def zombie_flood():
    for _ in range(500):
        if os.fork() == 0:
            os._exit(1)


@way("process")
def fork_storm():
    for _ in range(30):
        pids = [os.fork() for _ in range(5)]  # 32 of them
        if 0 in pids:
            os._exit(0)


@way("process")
def dies_with_its_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


@way("process", codes=(0, 1, 3, 4))
def traces_its_parent():
    """Which stands still then, until lastcall kills it."""
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace(PTRACE_ATTACH, os.getppid(), None, None)


@way("process", "stop", must="deadline")
def stops_itself():
    os.kill(os.getpid(), signal.SIGSTOP)


@way("process", codes=(0, 3))
def stops_all_of_lastcall():
    for pid in above():
        os.kill(pid, signal.SIGSTOP)
    time.sleep(0.2)
    for pid in above():
        os.kill(pid, signal.SIGCONT)


@way("process", codes=(0, 3))
def continues_all_of_lastcall():
    limit = time.monotonic() + 1
    while time.monotonic() < limit:
        for pid in above():
            os.kill(pid, signal.SIGCONT)


@way("process", codes=(0, 3))
def sends_lastcalls_processes_signals():
    for pid in above()[:3]:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGWINCH):
            os.kill(pid, number)


for name_, up_ in {"trial_process": 0, "fork_server": 1, "guard": 2}.items():
    @way("process", name=f"kills_the_{name_}", codes=(4,), up=up_)
    def kills(up):
        os.kill(above()[up], signal.SIGKILL)
        hang()


@way("process", codes=(0, 3, 4))
def slows_lastcalls_processes():
    for pid in above():
        os.setpriority(os.PRIO_PROCESS, pid, 19)
        os.sched_setaffinity(pid, {0})


for name_, limit_, value_ in (("descriptors", resource.RLIMIT_NOFILE, 3), ("file_size", resource.RLIMIT_FSIZE, 0),
                              ("memory", resource.RLIMIT_AS, 0), ("processor_time", resource.RLIMIT_CPU, 1)):
    @way("process", name=f"limits_its_parents_{name_}", codes=(0, 3, 4), limit=limit_, value=value_)
    def limits_its_parent(limit, value):
        resource.prlimit(os.getppid(), limit, (value, value))


@way("process", "start", must="deadline")
def ignores_every_signal():
    write(b"ready\n")
    say("READY=1")
    say("STATUS=go")
    ignore_everything()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    hang()


# --- files. It begins in {dir} ---

def outside():
    """A folder that is not the target's, whose files must stay as they are."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "outside")


def touch(path, data=b""):
    with open(path, "wb") as file:
        file.write(data)


@way("file")
def makes_50000_files():
    for folder in range(500):
        os.makedirs(f"many/{folder}")
        for name in range(100):
            os.close(os.open(f"many/{folder}/{name}", os.O_CREAT | os.O_WRONLY))


for levels_ in (1000, 30_000):
    @way("file", name=f"nests_{levels_}_folders", codes=(0, 3), levels=levels_)
    def makes_deep_folders(levels):
        top = os.open(".", os.O_RDONLY)
        for _ in range(levels):
            os.mkdir("deep")
            os.chdir("deep")
        touch("bottom")
        os.fchdir(top)


@way("file")
def links_to_the_outside():
    links = {"folder": outside(), "file": f"{outside()}/precious", "zero": "/dev/zero", "root": "/", "itself": "itself",
             "up": "..", "tmp/out": outside(), "process": "/proc/self/root"}
    for name, to in links.items():
        os.symlink(to, name)
    try:
        os.link(f"{outside()}/precious", "hard")
    except OSError:  # another file system
        pass


@way("file", must="released")
def leaves_fifos_and_sockets():
    for index in range(50):
        os.mkfifo(f"fifo-{index}.pid")
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(f"{index}.sock")


@way("file", must="released")
def leaves_names_that_are_markup():
    for text in MARKUP.values():
        touch(text.replace(b"/", b"-").replace(b"\0", b"")[:200] + b"\n.pid")


@way("file", codes=(0,))
def leaves_what_cannot_be_changed():
    os.mkdir("fixed")
    for name, flag in (("fixed/immutable", IMMUTABLE), ("fixed/append", APPEND_ONLY), ("fixed", IMMUTABLE)):
        if name != "fixed":
            touch(name)
        descriptor = os.open(name, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, FS_IOC_SETFLAGS, array.array("i", [flag]))
        except OSError:  # this file system, or this user, has none of that
            pass


@way("file")
def takes_all_permissions_away():
    os.makedirs("closed/in/it")
    touch("closed/file")
    for name in ("closed/file", "closed/in/it", "closed/in", "closed", "."):
        os.chmod(name, 0)


@way("file", must="clean-exit")
def leaves_files_of_a_tebibyte():
    """They are kept, because it does not end as it should."""
    for index in range(20):
        touch(f"sparse-{index}")
        try:
            os.truncate(f"sparse-{index}", 1 << 40)
        except OSError:  # EFBIG
            pass
    say("STATUS=go")
    signal.sigwait([signal.SIGTERM])
    os._exit(3)


@way("file", must="released", codes=(0, 1))
def mounts_the_outside():
    """As far as it may."""
    os.mkdir("mounted")
    libc.mount(outside().encode(), b"mounted", None, MS_BIND, None)


@way("file", codes=(0, 1, 3, 4))
def replaces_its_folder_by_a_link():
    here = os.getcwd()
    os.rename(here, here + ".away")
    os.symlink(outside(), here)


def results():
    """Of the campaign."""
    return os.path.abspath(sys.argv[3])


def own_trial():
    """Its folder in the results, where {dir} is, or is a link to it."""
    for name in os.listdir(f"{results()}/trials"):
        if os.path.realpath(f"{results()}/trials/{name}/target") == os.getcwd():
            return f"{results()}/trials/{name}"
    raise FileNotFoundError("its own trial")


def next_trials():
    stem, _, number = own_trial().rpartition("-")
    return [f"{stem}-{int(number) + more:04}" for more in (1, 2)]


@way("file", codes=(0, 1, 3, 4))
def removes_its_trial():
    shutil.rmtree(own_trial(), ignore_errors=True)
    shutil.rmtree(os.path.dirname(os.getcwd()), ignore_errors=True)


@way("file", "stop", must="clean-exit", codes=(1, 4))
def has_another_folder_given_back():
    """As if that, which has a name as lastcall's own have, were where {dir} lies while the trial runs."""
    place = f"{own_trial()}/target"
    os.rename(place, place + ".away")
    os.symlink(os.path.realpath(f"{outside()}/lastcall-results/target"), place)
    os._exit(3)


def put(path, what):
    if os.path.lexists(path):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if what == "fifo":
        os.mkfifo(path)
    elif what == "link":
        os.symlink(f"{outside()}/precious", path)
    else:
        os.makedirs(path)
        touch(f"{path}/full")


for kind_ in ("fifo", "link", "folder"):
    @way("file", name=f"puts_a_{kind_}_for_each_result_of_its_trial", codes=(0, 3, 4), what=kind_)
    def stands_in_the_way_of_its_trial(what):
        for name in ("verdict.json", "history.jsonl", "origin", "segments/ends.seg", "custom.jsonl"):
            put(f"{own_trial()}/{name}", what)

    @way("file", name=f"puts_a_{kind_}_for_each_result_of_others", codes=(0, 3, 4), what=kind_)
    def stands_in_the_way_of_others(what):
        for trial in next_trials():
            for name in ("plan.json", "origin", "segments/trial.seg"):
                put(f"{trial}/{name}", what)
        for name in ("report.json.part", "junit.xml.part", "report.md.part", "report.html.part"):
            put(f"{results()}/{name}", what)


for name_, size_ in (("cuts", 0), ("fills", 100 * MEGABYTE)):
    @way("file", name=f"{name_}_the_segments_of_its_trial", may=("notify",), codes=(0, 1, 3, 4), size=size_)
    def changes_segments(size):
        segments = f"{own_trial()}/segments"
        for name in os.listdir(segments):
            os.truncate(f"{segments}/{name}", size)


# --- network ---

@way("network", "stop", must="released")
def leaves_1000_listeners():
    listeners = [socket.create_server(("127.0.0.1", int(sys.argv[2])))]
    try:
        while len(listeners) < 1000:
            listeners.append(socket.create_server(("127.0.0.1", 0)))
    except OSError:  # no more descriptors
        pass
    for listener in listeners:
        os.set_inheritable(listener.fileno(), True)
    apart(lambda: subprocess.run(["sleep", "987"], close_fds=False))


@way("network", "stop", must="released")
def lets_another_take_its_port():
    port = sys.argv[2]
    apart(lambda: os.execv(PYTHON, [PYTHON, "-c", "import socket, time; s = socket.create_server(('127.0.0.1', "
                                    f"{port})); time.sleep(987)"]))
    time.sleep(0.3)


@way("network")
def has_many_abstract_sockets():
    kept = []
    for name in [f"lastcall-notify-{pid}" for pid in above()] + [f"lastcall-{n}" for n in range(200)]:
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            unix.bind("\0" + name)
        except OSError:
            continue
        kept.append(unix)


# --- its end ---

for code_ in (1, 2, 3, 4, 77, 126, 127, 128, 130, 137, 139, 255):
    way("end", "stop", f"exits_{code_}", must="clean-exit", may=("no-panic",), status=code_)(os._exit)
for number_ in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS,
                signal.SIGFPE, signal.SIGKILL, signal.SIGUSR1, signal.SIGSEGV, signal.SIGPIPE, signal.SIGALRM,
                signal.SIGXCPU, signal.SIGXFSZ, signal.SIGSYS, signal.SIGRTMIN, signal.SIGRTMAX):
    # Traced, lastcall does not say that a crash is a wrong end, too.
    @way("end", "stop", f"ends_by_{signal.Signals(number_).name}", must="clean-exit|no-panic",
         may=("clean-exit", "no-panic"), number=number_)
    def ends_by(number):
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        hang()


@way("end", "start", must="serves|clean-exit", may=("serves", "clean-exit"), codes=(1, 4))
def exits_0_at_once():
    os._exit(0)


@way("end", must="serves|clean-exit", may=("serves", "clean-exit", "deadline"), codes=(0, 1, 3))
def exits_0_before_the_stop():
    os._exit(0)


@way("end", "stop", must="deadline")
def executes_itself_again():
    os.execv(PYTHON, [PYTHON, *sys.argv])


@way("end", "stop", must="deadline")
def becomes_another_program():
    sleep_as("sleep")


@way("end", "stop")
def becomes_true():
    os.execvp("true", ["true"])


@way("end")
def runs_out_of_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    say("STATUS=go")  # later it cannot
    try:
        while True:
            os.open("/dev/null", os.O_RDONLY)
    except OSError:
        pass


@way("end", "stop", must="no-panic", may=("clean-exit",))
def runs_out_of_memory():
    resource.setrlimit(resource.RLIMIT_AS, (200 * MEGABYTE, 200 * MEGABYTE))
    kept = []
    try:
        while True:
            kept.append(bytes(MEGABYTE))
    finally:
        kept = None


@way("end", "stop", must="deadline")
def ends_its_first_thread_only():
    threading.Thread(target=lambda: libc.sleep(987)).start()
    libc.syscall(SYS_EXIT, 0)


# --- time ---

@way("time", "stop", "hangs", must="deadline")
def hangs():
    hang()


@way("time", "stop", must="deadline", codes=(1,))
def spins():
    while True:
        pass


@way("time", "stop", must="deadline", may=("released", "no-panic"), codes=(1, 3))
def prints_for_ever_at_the_stop():
    write_for(987, b"still stopping\n" * 100)


@way("time", "start", must="serves", may=("deadline", "clean-exit"), codes=(1, 4))
def is_never_ready():
    hang()


@way("time", "start", must="serves", may=("deadline", "clean-exit"), codes=(1, 4))
def is_ready_after_the_limit():
    time.sleep(3)


def say(status):
    try:
        notify(status)
    except OSError:  # there is nobody any more
        pass


def main():
    chosen = WAYS[sys.argv[1]]
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    if chosen.when == "start":
        chosen.act()
    say("READY=1")
    try:
        write(b"ready\n")
    except OSError:  # it has closed its output
        pass
    if chosen.when == "load":
        chosen.act()
    say("STATUS=go")
    signal.sigwait([signal.SIGTERM])
    if chosen.when == "stop":
        chosen.act()
    os._exit(0)


if __name__ == "__main__":
    main()
