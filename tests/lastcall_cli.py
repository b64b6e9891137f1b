"""Runs lastcall in a temporary folder and reads what it wrote. LASTCALL names the binary."""
import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
from pathlib import Path

LASTCALL = os.environ.get("LASTCALL", "lastcall")
SOURCE = Path(__file__).resolve().parent.parent
SERVERS = SOURCE / "tests" / "integration" / "servers"
PYTHON = sys.executable
# The build of lastcall that this is never ends by itself when it hangs: every run is bounded.
RUN_LIMIT = 300
# How a verdict says that lastcall, or the target, was held up while it was measured
# (harness/checkers/interference.hpp).
HELD_UP = re.compile("lastcall itself lagged|waited .* for a processor")
# How often a single trial is asked for before that is believed: beside busy loops two of three may be held up.
MOST_HELD_UP = 20


# Where tests keep the results that explain a failure.
KEPT = SOURCE / "lastcall-results"


def is_held_up(verdict):
    return verdict["outcome"] == "unknown" and bool(HELD_UP.search(verdict["reason"]))


class Run:
    """What a finished `lastcall` left: exit code, output, and the results directory, if there is one."""

    def __init__(self, code, out, err, seconds, results):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds
        self.results = Path(results) if results else None

    @property
    def report(self):
        return json.loads((self.results / "report.json").read_text())

    @property
    def trials(self):
        """The lines of trials.jsonl, in the order in which trials finished."""
        return [json.loads(line) for line in (self.results / "trials.jsonl").read_text().splitlines()]

    @property
    def was_held_up(self):
        """Whether some verdict is not known because lastcall itself was held up."""
        finished = self.trials if (self.results / "trials.jsonl").exists() else []
        return any(is_held_up(verdict) for trial in finished for verdict in trial["result"]["verdicts"])

    def verdict(self, name, trial=0):
        return next(v for v in self.trials[trial]["result"]["verdicts"] if v["property"] == name)

    def outcomes(self, trial=0):
        return {v["property"]: v["outcome"] for v in self.trials[trial]["result"]["verdicts"]}

    def history(self, trial=0):
        return Path(self.results / self.trials[trial]["directory"] / "history.jsonl")

    def events(self, kind=None, trial=0):
        lines = [json.loads(line) for line in self.history(trial).read_text().splitlines()]
        return [e for e in lines if kind is None or e["kind"] == kind]

    def keep(self, folder):
        """Copies the results to the folder, but for sockets, which cannot be copied."""
        shutil.copytree(self.results, folder, dirs_exist_ok=True, symlinks=True,
                        ignore=lambda here, names: [name for name in names if (Path(here) / name).is_socket()])

    def __str__(self):
        return f"exit {self.code} after {self.seconds:.1f} s\n{self.out}{self.err}"


def lastcall(*words, cwd=None, env=None, limit=RUN_LIMIT, program=None):
    begin = time.monotonic()
    done = subprocess.run([program or LASTCALL, *map(str, words)], cwd=cwd, env=env, capture_output=True, text=True,
                          timeout=limit)
    results = words[words.index("--results") + 1] if "--results" in words else None
    return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - begin, results)


HTTP_CLIENT = '[[clients]]\nurl = "http://127.0.0.1:{port}/"\npace = "5ms"\n'
STOP_AT_FIFTH_ANSWER = '[[faults]]\nwhat = "stop"\nwhen = { event = "acknowledged", nth = 5 }\n'
# For servers that answer no client.
STOP_AFTER_50_MS = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "50ms" }\n'


def scenario(command, *, ready='log = "^ready"', stop="", clients=HTTP_CLIENT, faults="", properties="", budget="",
             environment="", signal='"SIGTERM"', crowd="none"):
    """The text of a scenario. `command` is words; the stop comes at the fifth answer, with clients of the test's own
    50 ms into the load, unless `faults` say else; all clients go on asking unless `crowd` does."""
    words = ", ".join(json.dumps(str(word)) for word in command)
    faults = faults or (STOP_AT_FIFTH_ANSWER if clients == HTTP_CLIENT else STOP_AFTER_50_MS)
    return (f"about = \"a test\"\ncrowd = \"{crowd}\"\n[target]\ncommand = [{words}]\nready = {{ {ready} }}\n"
            f'stop = {{ signal = {signal}, deadline = "2s"{stop} }}\n{environment}\n'
            f"{clients}\n{faults}\n[properties]\n{properties}\n[budget]\n{budget}\n")


def serve(*options):
    """The command of the small server that stops as it should, unless an option says otherwise."""
    return [PYTHON, "{here}/servers/serve.py", "--port", "{port}", *options]


def processes(mark):
    """Pids of everybody alive whose environment holds the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:  # gone, or not ours
            pass
    return found


def described(pids):
    lines = []
    for pid in pids:
        try:
            lines.append(f"{pid} {Path(f'/proc/{pid}/cmdline').read_bytes()[:200]}")
        except OSError:
            pass
    return "\n".join(lines)


def until(holds, seconds):
    """Polls until `holds()` is true; says whether it became so in time."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if holds():
            return True
        time.sleep(0.02)
    return bool(holds())


# A file system in memory: on a shared disk, an fsync may take seconds.
MEMORY = Path("/dev/shm")
# Room in memory for a few trials, bytes.
ROOM = 2 << 30
# The path of a Unix socket has at most 107 bytes, unix(7); those of a trial's target lie some 70 below.
LONGEST_PATH = 35


def suits(folder):
    """Whether programs in it may be run, every user may enter it, and a path below it is short enough for a socket."""
    try:
        found = os.statvfs(folder)
        entered = all(above.stat().st_mode & 0o001 for above in (folder, *folder.parents))
    except OSError:
        return False
    roomy = folder != MEMORY or found.f_bavail * found.f_frsize > ROOM
    return (roomy and entered and os.access(folder, os.W_OK) and not found.f_flag & os.ST_NOEXEC
            and len(str(folder)) <= LONGEST_PATH)


def temporary_folder():
    """One that every user may enter, because targets may run as another."""
    usual = Path(tempfile.gettempdir())
    parent = next(filter(suits, (MEMORY, usual, Path("/tmp"), Path("/var/tmp"))), usual)
    folder = tempfile.TemporaryDirectory(prefix="lastcall-test-", dir=parent, ignore_cleanup_errors=True)
    os.chmod(folder.name, 0o755)
    return folder


# What a test starts must not depend on who runs the tests: on their service manager, proxy, language, shell or
# runtimes.
PERSONAL = re.compile(
    "NOTIFY_SOCKET|WATCHDOG_.*|LISTEN_.*|SYSTEMD_.*|(http|https|ftp|all|no)_proxy|LANG|LANGUAGE|LC_.*|TZ|BASH_ENV|ENV|"
    "CDPATH|SHELLOPTS|BASHOPTS|POSIXLY_CORRECT|GREP_.*|PYTHON(?!PATH|HOME|DONTWRITEBYTECODE).*|NODE_.*|CLASSPATH|"
    "JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVAC?_OPTIONS|GTEST_.*|RC_PARAMS|OPENSSL_CONF|LD_PRELOAD", re.IGNORECASE)


def without_shim(name, words, pattern):
    """Where the program is, which says so if it is run with these words and PATH leads to a shim instead: a shim is
    slow, and needs the HOME of its user. None if there is no shim, or no such program."""
    found = shutil.which(name)
    if not found:
        return None
    with open(found, "rb") as file:
        if file.read(4) == b"\x7fELF" and Path(found).resolve().name.startswith(name):
            return None
    said = subprocess.run([found, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    where = re.search(pattern, said)
    return where and where[1]


def programs_without_shims():
    """Name -> file, for those that targets look for in PATH. python3 is the one that runs the tests."""
    java = without_shim("java", ["-XshowSettings:properties", "-version"], r"java\.home = (.+)")
    python = shutil.which("python3")
    return {"node": without_shim("node", ["-p", "process.execPath"], "(.+)"), "java": java and f"{java}/bin/java",
            "python3": None if python and os.path.samefile(python, PYTHON) else PYTHON}


def forget_who_runs_the_tests():
    """Gives this process, and so all that it starts, an environment that is the same for everybody."""
    os.umask(0o022)
    # A shell ignores SIGINT and SIGQUIT in what it starts in the background. SIGHUP stays as it is: nohup(1).
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for name in filter(PERSONAL.fullmatch, list(os.environ)):
        del os.environ[name]
    os.environ["LC_ALL"] = "C.UTF-8"
    folder = temporary_folder()
    atexit.register(folder.cleanup)
    # Where lastcall keeps its key of plans: not in the home of whoever runs the tests, which may be nobody's to write.
    os.environ["XDG_STATE_HOME"] = f"{folder.name}/state"
    for name, program in programs_without_shims().items():
        if program:
            Path(folder.name, name).symlink_to(program)
    os.environ["PATH"] = f"{folder.name}:{os.environ['PATH']}"


forget_who_runs_the_tests()


class LastcallTest(unittest.TestCase):
    """A test with a temporary folder, in which `servers` holds the servers, and a mark on all it starts."""

    maxDiff = None

    def setUp(self):
        self.folder = Path(self.enterContext(temporary_folder()))
        # Copied, because another user may not enter the folders above the source.
        shutil.copytree(SERVERS, self.folder / "servers", copy_function=shutil.copyfile)
        (self.folder / "servers").chmod(0o755)
        self.mark = f"LASTCALL_MARK={uuid.uuid4()}"
        self.numbered = 0
        self.addCleanup(self.kill_marked)

    def kill_marked(self):
        for pid in processes(self.mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def write(self, text, name="scenario.toml"):
        path = self.folder / name
        path.write_text(text)
        return path

    def run_scenario(self, text, *options, trials=1, keep="all", name="scenario.toml"):
        """One campaign of `text`, by default of one kept trial. One of one or two trials is run again if lastcall itself was
        held up: on a busy machine that happens to a right server and a wrong one alike."""
        count = ["--trials", trials] if trials else []
        for _ in range(MOST_HELD_UP):
            self.numbered += 1
            run = lastcall("run", self.write(text, name), *count, "--keep", keep, "--results",
                           self.folder / f"results-{self.numbered}", *options)
            if trials not in (1, 2) or not run.was_held_up:
                break
        return run

    def run_server(self, *options, trials=1, **parts):
        """A campaign against serve.py with one HTTP client, unless `parts` say else."""
        return self.run_scenario(scenario(serve(*options), **parts), trials=trials)

    def marked_environment(self):
        """For [target]: what the target starts carries the mark."""
        name, value = self.mark.split("=")
        return f'environment = {{ {name} = "{value}" }}'

    def start(self, *words):
        """lastcall in the background; it and all it starts carry the mark."""
        name, value = self.mark.split("=")
        return subprocess.Popen([LASTCALL, *map(str, words)], cwd=self.folder, env={**os.environ, name: value},
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def assert_nobody_is_left(self, seconds):
        gone = until(lambda: not processes(self.mark), seconds)
        self.assertTrue(gone, "still alive: " + described(processes(self.mark)))

    def assert_exit(self, code, run):
        self.assertEqual(code, run.code, str(run))
