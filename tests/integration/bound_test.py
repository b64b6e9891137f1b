"""No trial holds up a campaign, or the end of lastcall: a target of the same user stops lastcall's own processes."""
import json
import signal
import time
import unittest

from lastcall_cli import PYTHON, LastcallTest, lastcall, scenario, until

# Stops its parent, the trial process, and the parent of that, the fork server, if it is told to; again and again, because
# lastcall continues them. In one trial of a campaign, in which it also hears no signal, and never says "go", which the stop
# waits for. In the others it stops as it should.
TARGET = """
import os, signal, sys, time

def parent_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])

def stop(processes):
    for process in processes:
        os.kill(process, signal.SIGSTOP)

mark, number, others = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
os.makedirs(mark, exist_ok=True)
trial = len(os.listdir(mark)) + 1
open(f"{mark}/{trial}", "w").close()
stops = trial == number
signal.signal(signal.SIGTERM, signal.SIG_IGN if stops else lambda *_: sys.exit(0))
print("ready", flush=True)
if stops:
    parent = os.getppid()
    processes = [parent_of(parent), parent] if "fork-server" in others else [parent]
    if os.fork() == 0:
        stop(processes)
        open(f"{mark}.stopped", "w").close()
        while True:  # until one of them is gone
            stop(processes)
else:
    time.sleep(0.1)
    print("go", flush=True)
while True:
    time.sleep(0.05)
"""


class Bound(LastcallTest):
    def scenario_in_which(self, trial, *others, budget=""):
        """The target stops lastcall's processes in this trial of the campaign."""
        (self.folder / "target.py").write_text(TARGET)
        command = [PYTHON, "{here}/target.py", self.folder / "mark", trial, *others]
        return self.write(scenario(command, clients="", environment=f"trace = false\n{self.marked_environment()}",
                                   faults='[[faults]]\nwhat = "stop"\nwhen = { log = "^go" }\n',
                                   budget=f'load = "60s"\n{budget}'))

    def stopped(self, results):
        return (self.folder / "mark.stopped").exists() and (results / "trials.jsonl").read_text().count("\n") == 1


class OneTrial(Bound):
    def test_that_is_stopped_is_killed_reported_and_followed_by_the_next(self):
        results = self.folder / "r"
        file = self.scenario_in_which(1, budget='trial_timeout = "8s"')
        run = lastcall("run", file, "--trials", 2, "--results", results)
        self.assert_exit(4, run)
        first, second = run.trials
        self.assertRegex(first["result"]["broken"],
                         "^the trial took longer than 8 s .* and was killed while it .*; was its process stopped\\?$")
        self.assertEqual([], first["result"]["verdicts"])
        self.assertEqual("", second["result"]["broken"])
        self.assertTrue(second["result"]["verdicts"])
        self.assertTrue((results / first["directory"] / "plan.json").exists())
        self.assertIn("trial 1 broke: the trial took longer", run.out)
        self.assert_nobody_is_left(1)


class Terminated(Bound):
    def ends_in_time(self, number, code, *others):
        """After one trial that was finished, in one that hangs. The scenario lets that take a minute."""
        results = self.folder / "r"
        file = self.scenario_in_which(2, *others)
        run = self.start("run", file, "--trials", 3, "--keep", "all", "--results", results)
        self.assertTrue(until(lambda: self.stopped(results), 30))
        begin = time.monotonic()
        run.send_signal(number)
        self.assertEqual(code, run.wait(30))
        self.assertLess(time.monotonic() - begin, 10)
        report = json.loads((results / "report.json").read_text())
        self.assertTrue(report["interrupted"])
        self.assertEqual([1], [trial["number"] for trial in report["scenarios"][0]["trials"]])
        self.assert_nobody_is_left(2)

    def test_by_one_sigterm_while_the_trial_process_is_stopped(self):
        self.ends_in_time(signal.SIGTERM, 143)

    def test_by_one_sigint_while_the_trial_process_is_stopped(self):
        self.ends_in_time(signal.SIGINT, 130)

    def test_by_one_sigterm_while_the_fork_server_is_stopped_too(self):
        self.ends_in_time(signal.SIGTERM, 143, "fork-server")


if __name__ == "__main__":
    unittest.main()
