"""A server that hangs at its stop: the reason says in the program's own words where it stands, whatever its runtime, and
what it still had open; a right twin is silent. And crashes: the reason says where."""
import json
import shutil
import subprocess
import unittest

from lastcall_cli import PYTHON, LastcallTest, lastcall, scenario

CLIENTS = '[[clients]]\nname = "orders"\nurl = "http://127.0.0.1:{port}/"\ncount = 3\npace = "5ms"\n'
FAULTS = '[[faults]]\nwhat = "stop"\nwhen = { event = "acknowledged", nth = 10 }\n'
# As supervisord and honcho do it.
SUPERVISOR = """import signal, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
for line in child.stdout:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
child.wait()
"""
OPEN = r'\d connections? .*clients "orders", client \d'


def may_trace():
    return next(f for f in json.loads(lastcall("doctor", "--json").out) if f["what"] == "ptrace")


class HangTest(LastcallTest):
    def needs(self, program):
        if not shutil.which(program):
            self.skipTest(f"there is no {program} here")

    def stopped(self, command, how, trace=True, stop=""):
        return self.run_scenario(scenario([*command, "{port}", how], clients=CLIENTS, faults=FAULTS, stop=stop,
                                          environment="" if trace else "trace = false\n"))

    def below_a_shell(self, command, how):
        """The reason where a shell waits for the server and the signal goes to both."""
        words = ["sh", "-c", 'trap "" TERM; "$0" "$@"; exit 0', *command]
        return self.reason(words, how, stop=', to = "group"')

    def line(self, name, text):
        """Where the text stands in a server's source, "hang.go:31"."""
        lines = (self.folder / "servers" / name).read_text().splitlines()
        return f"{name}:{next(i for i, line in enumerate(lines, 1) if text in line)}"

    def reason(self, command, how, trace=True, stop=""):
        run = self.stopped(command, how, trace, stop)
        self.assert_exit(1, run)
        verdict = run.verdict("deadline")
        self.assertEqual("fail", verdict["outcome"], run)
        # What lastcall did to it is not its crash.
        self.assertEqual("pass", run.verdict("no-panic")["outcome"], run)
        return verdict["reason"]

    def assert_silent(self, command, stop=""):
        run = self.stopped(command, "right", stop=stop)
        self.assertNotIn("fail", run.outcomes().values(), run)
        self.assertEqual("pass", run.verdict("deadline")["outcome"], run)
        self.assertEqual([], run.events("sockets_at_deadline") + run.events("kept_alive") + run.events("target_forced"))


class Go(HangTest):
    def setUp(self):
        super().setUp()
        self.needs("go")
        subprocess.run(["go", "build", "-o", self.folder / "hang", "hang.go"], cwd=self.folder / "servers", check=True)
        self.command = [self.folder / "hang"]

    def assert_words(self, reason):
        self.assertRegex(reason, r"goroutine 1 waits (?:\(semacquire\) )?in sync\.\(\*WaitGroup\)\.Wait, called by "
                         rf"main\.\(\*pool\)\.drain \(\S*{self.line('hang.go', 'p.done.Wait')}\)")
        self.assertRegex(reason, r"3 goroutines wait \(chan receive\) in main\.\(\*pool\)\.work "
                         rf"\(\S*{self.line('hang.go', 'range p.jobs')}\)")
        self.assertIn("the target no longer listens", reason)
        self.assertNotIn("futex", reason)

    def test_says_which_goroutine_waits_where(self):
        for trace in (True, False):
            with self.subTest(trace=trace):
                self.assert_words(self.reason(self.command, "hangs", trace))

    def test_that_takes_sigquit_for_itself_says_it_too(self):
        self.assert_words(self.reason(self.command, "deaf"))

    def test_a_right_one_is_silent(self):
        self.assert_silent(self.command)


class Java(HangTest):
    def setUp(self):
        super().setUp()
        self.needs("javac")
        subprocess.run(["javac", "-d", self.folder, "Hang.java"], cwd=self.folder / "servers", check=True)
        self.command = ["java", "-cp", self.folder, "Hang"]

    def test_says_which_thread_waits_where(self):
        for trace in (True, False):
            with self.subTest(trace=trace):
                self.assertRegex(self.reason(self.command, "hangs", trace),
                                 r'thread "drain" waits \(WAITING, parking\) in '
                                 r"java\.util\.concurrent\.CountDownLatch\.await, called by "
                                 rf"Hang\.await \({self.line('Hang.java', 'finished.await')}\)")

    def test_says_who_holds_the_monitor(self):
        self.assertRegex(self.reason(self.command, "monitor"),
                         r'thread "drain" waits \(BLOCKED, on object monitor\) in '
                         r'Hang\.close \(Hang\.java:\d+\), for the monitor that thread "keeper" holds')

    def test_a_right_one_is_silent(self):
        self.assert_silent(self.command, stop=", exit = 143")


class Python(HangTest):
    COMMAND = [PYTHON, "{here}/servers/hang.py"]

    def assert_words(self, reason):
        self.assertRegex(reason, r"the main thread is in join \(threading\.py:\d+\), called by "
                         rf"drain \(\S*{self.line('hang.py', 'worker.join')}\)")
        self.assertRegex(reason, r"a thread is in get \(queue\.py:\d+\), called by "
                         rf"work \(\S*{self.line('hang.py', 'jobs.get')}\)")

    def test_says_which_thread_stands_where(self):
        for trace in (True, False):
            with self.subTest(trace=trace):
                self.assert_words(self.reason(self.COMMAND, "hangs", trace))

    def test_what_is_no_deadlock_is_named_after_the_deadline(self):
        # Names of a large program cost time, in which lastcall itself would be held up.
        run = self.stopped(self.COMMAND, "hangs")
        kinds = [event["kind"] for event in run.events()]
        self.assertIn("thread_waits", kinds, run)
        self.assertGreater(kinds.index("thread_waits"), kinds.index("deadline_passed"))

    def test_below_a_shell_says_it_too(self):
        self.assert_words(self.below_a_shell(self.COMMAND, "hangs"))

    def test_that_takes_sigabrt_for_itself_says_it_too(self):
        self.assert_words(self.reason(self.COMMAND, "deaf"))

    def test_below_one_that_hands_signals_on_says_it_too(self):
        self.assert_words(self.reason(["timeout", "1h", *self.COMMAND], "hangs"))

    def test_whose_output_another_hands_on_says_it_too(self):
        self.assert_words(self.reason([PYTHON, "-c", SUPERVISOR, *self.COMMAND], "hangs"))

    def test_each_process_of_several_says_it(self):
        reason = self.reason(self.COMMAND, "family")
        self.assert_words(reason)
        self.assertRegex(reason, rf"in hang_on \(\S*{self.line('hang.py', 'signal.pause()')}\)")

    def test_that_serves_on_has_its_connections_named(self):
        for trace in (True, False):
            with self.subTest(trace=trace):
                reason = self.reason(self.COMMAND, "serves", trace)
                self.assertIn("the target still listens on {port}; ", reason)
                self.assertRegex(reason, OPEN)

    def test_a_right_one_is_silent(self):
        self.assert_silent(self.COMMAND)


class Node(HangTest):
    SCRIPT = "{here}/servers/hang.js"
    COMMAND = ["node", SCRIPT]
    TIMER = r"Node's event loop is kept alive by .*1 timer that nobody has cleared"

    def setUp(self):
        super().setUp()
        self.needs("node")
        (self.folder / "servers" / "hang.js").chmod(0o755)

    def test_says_what_keeps_its_loop_alive_however_it_is_started(self):
        for command in (self.COMMAND, ["sh", "-c", 'exec node "$0" "$@"', self.SCRIPT], [self.SCRIPT]):
            with self.subTest(command=command):
                self.assertRegex(self.reason(command, "hangs"), self.TIMER)

    def test_below_a_shell_and_untraced_says_it_too(self):
        self.assertRegex(self.below_a_shell(self.COMMAND, "hangs"), self.TIMER)
        self.assertRegex(self.reason(self.COMMAND, "hangs", trace=False), self.TIMER)

    def test_is_asked_before_sigquit_changes_it(self):
        for _ in range(3):
            reason = self.reason(self.COMMAND, "listens")
            self.assertRegex(reason, r"kept alive by .*1 listener at 127\.0\.0\.1:\d+")
            self.assertRegex(reason, r'\d connections? of 127\.0\.0\.1:\d+ \((first: )?clients "orders", client \d\)')
            self.assertNotIn("timer", reason)

    def test_each_process_of_several_says_it(self):
        run = self.stopped(self.COMMAND, "family")
        pids = {event["pid"] for event in run.events("kept_alive")}
        self.assertEqual(2, len(pids), run)
        reason = run.verdict("deadline")["reason"]
        parent = run.events("target_started")[0]["pid"]
        [child] = pids - {parent}
        self.assertRegex(reason, rf"Node's event loop of process {parent} is kept alive by .*1 child process {child}")
        self.assertRegex(reason, rf"Node's event loop of process {child} is kept alive by .*1 listener at ")
        self.assertEqual([], list((run.history().parent).rglob("report.*.json")))

    def test_that_spins_says_so(self):
        self.assertIn("Node's event loop did not turn", self.reason(self.COMMAND, "spins"))

    def test_a_right_one_is_silent(self):
        self.assert_silent(self.COMMAND)


class Crashes(HangTest):
    """The address, the thread and the function, in clean-exit and in no-panic."""

    WHERE = {"segfault": (r"SIGSEGV.*, through a null pointer \(address 0x10\)", "parse"),
             "write": (r"SIGSEGV.*, at address 0x[0-9a-f]+, which it may not access so", "parse"),
             "divide": (r"SIGFPE.*, by a division by zero, at 0x[0-9a-f]+", "share"),
             "illegal": (r"SIGILL.*, by an instruction that the processor does not know, at 0x[0-9a-f]+", "jump"),
             "bus": (r"SIGBUS.*, at address 0x[0-9a-f]+, beyond the end of the mapped file", "parse"),
             "abort": (r"SIGABRT.*, by abort\(\)", "check"),
             "handled": (r"SIGSEGV.*, through a null pointer \(address 0x10\)", "parse")}

    def setUp(self):
        super().setUp()
        self.needs("gcc")
        subprocess.run(["gcc", "-g", "-O1", "-fno-inline", "-o", self.folder / "crash", "crash.c"],
                       cwd=self.folder / "servers", check=True)

    def crashed(self, how, environment=""):
        return self.run_scenario(scenario([self.folder / "crash", how], environment=environment,
                                          faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "5s" }\n'))

    def test_say_where_and_how(self):
        if not may_trace()["good"]:
            self.skipTest(may_trace()["detail"])
        for how, (words, function) in self.WHERE.items():
            run = self.crashed(how)
            for name in ("clean-exit", "no-panic"):
                with self.subTest(how=how, name=name):
                    self.assertEqual("fail", run.verdict(name)["outcome"], run)
                    self.assertRegex(run.verdict(name)["reason"],
                                     rf"{words}, in thread crash \(\d+\) in {function}(?:\+0x[0-9a-f]+)? at crash\.c:\d+")
                    self.assertNotIn("not known", run.verdict(name)["reason"])

    def test_untraced_say_why_where_is_not_known(self):
        run = self.crashed("segfault", "trace = false")
        for name in ("clean-exit", "no-panic"):
            self.assertRegex(run.verdict(name)["reason"], r"SIGSEGV.*, where is not known: trace = false")


if __name__ == "__main__":
    unittest.main()
