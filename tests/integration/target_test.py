"""How a target is started, what it may use, and who gets a signal."""
import json
import os
import pwd
import re
import shutil
import unittest
from pathlib import Path

from lastcall_cli import PYTHON, LastcallTest, lastcall, processes, scenario, serve, until

NOBODY = pwd.getpwnam("nobody")
STOP = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "%dms" }\n'
LAYOUT = '[target.files]\n"laid/out.txt" = "here"\n'


# Another user may not reach an interpreter in somebody's home.
EVERYBODYS_PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin") or PYTHON


def report(*options):
    return [EVERYBODYS_PYTHON, "{here}/servers/report.py", *options]


def fault(what, at, more=""):
    return f'[[faults]]\nwhat = "{what}"\nwhen = {{ phase = "load", at = "{at}ms" }}\n{more}\n'


def cgroups():
    """Names of all that lastcall made; others come and go meanwhile."""
    return {name for _, folders, _ in os.walk("/sys/fs/cgroup") for name in folders if name.startswith("lastcall-")}


def finding(what):
    """What `lastcall doctor` says of one thing."""
    return next(f for f in json.loads(lastcall("doctor", "--json").out) if f["what"] == what)


class TargetTest(LastcallTest):
    def run_report(self, *options, target="", tables="", faults=STOP % 30, **more):
        return self.run_scenario(scenario(report(*options), environment=target + "\n" + tables,
                                          faults=faults, **more))

    def lines(self, run):
        return [e["line"] for e in run.events("target_output")]

    def said(self, run, name):
        """The words after `name` in the one line that begins with it."""
        found = [line.split()[1:] for line in self.lines(run) if line.split()[:1] == [name]]
        self.assertEqual(1, len(found), f"{name}: {found}\n{run}")
        return found[0]

    def needs(self, what):
        if not finding(what)["good"]:
            self.skipTest(finding(what)["detail"])


class Start(TargetTest):
    def assert_nobody(self, run):
        self.assertEqual([str(NOBODY.pw_uid)] * 2 + [str(NOBODY.pw_gid)], self.said(run, "ids")[:3])
        self.assertNotIn("0", self.said(run, "ids")[3:])
        self.assertEqual("nobody", self.said(run, "home")[1])
        self.assertEqual(["here"], self.said(run, "layout"))
        self.assertEqual(["4"], self.said(run, "writes"))
        self.assertEqual(["0"], self.said(run, "stdout"))

    def test_as_another_user_gives_it_its_folder(self):
        self.needs("changing user")
        run = self.run_report(target='user = "nobody"', tables=LAYOUT)
        self.assert_nobody(run)
        self.assertEqual("pass", run.verdict("clean-exit")["outcome"], run)

    def test_as_a_user_that_is_not_there_is_unknown(self):
        run = self.run_report(target='user = "no-such-user"')
        self.assert_exit(3, run)
        self.assertEqual({"unknown"}, set(run.outcomes().values()))
        self.assertIn("there is no such user", run.verdict("serves")["reason"])

    def test_as_a_user_that_may_not_enter_says_which_folder(self):
        self.needs("changing user")
        # So short that {dir} lies in the results.
        folder = Path(f"/tmp/u{os.getpid()}")
        folder.mkdir(mode=0o700)
        self.addCleanup(shutil.rmtree, folder)
        self.addCleanup(setattr, self, "folder", self.folder)
        self.folder = folder
        run = self.run_report(target='user = "nobody"')
        self.assert_exit(3, run)
        self.assertIn(f"may not enter {self.folder}", run.verdict("serves")["reason"])

    def test_as_a_user_that_may_not_reach_the_command_says_so(self):
        self.needs("changing user")
        hidden = self.folder / "hidden"
        hidden.mkdir(mode=0o700)
        shutil.copy("/bin/sleep", hidden / "server")
        for more in ("", "\nshell = true"):
            run = self.run_scenario(scenario([hidden / "server"], environment='user = "nobody"' + more))
            self.assert_exit(3, run)
            self.assertIn(f"may not reach {hidden}/server", run.verdict("serves")["reason"])

    def test_as_pid_1_sees_its_own_processes_only(self):
        self.needs("PID namespace")
        run = self.run_report(target="pid1 = true")
        self.assertEqual((["1"], ["0"], ["1"]), tuple(self.said(run, w) for w in ("pid", "parent", "processes")))
        self.assertEqual("pass", run.verdict("clean-exit")["outcome"], run)
        self.assertEqual("pass", run.verdict("released")["outcome"], run)

    def test_as_pid_1_a_signal_without_a_handler_is_ignored(self):
        self.needs("PID namespace")
        run = self.run_report("--deaf", target="pid1 = true")
        self.assertRegex(run.verdict("deadline")["reason"],
                         r"^still running .*: python\S* had no handler for SIGTERM, and as PID 1 it gets no signal")
        self.assertEqual("fail", run.verdict("deadline")["outcome"])
        outside = self.run_report("--deaf")
        self.assertIn("ended by SIGTERM", outside.verdict("clean-exit")["reason"], outside)

    def test_below_a_shell_the_signal_does_not_reach_it(self):
        run = self.run_report(target="shell = true")
        self.assertIn("ended by SIGTERM: the first process is a shell", run.verdict("clean-exit")["reason"])
        self.assertIn("report.py", run.verdict("released")["reason"])
        self.assertEqual("fail", run.verdict("released")["outcome"])

    def test_all_of_it_together(self):
        self.needs("PID namespace")
        self.needs("changing user")
        # The shell is the init: it ignores SIGTERM, and the target never hears of it.
        run = self.run_report(target='user = "nobody"\npid1 = true\nshell = true', tables=LAYOUT)
        self.assert_nobody(run)
        self.assertEqual(["2"], self.said(run, "pid"))
        self.assertEqual("fail", run.verdict("deadline")["outcome"])


class Limited(TargetTest):
    def test_descriptors_from_the_start(self):
        run = self.run_report(tables="[target.limits]\ndescriptors = 40")
        self.assertEqual(["40", "40"], self.said(run, "descriptors"))

    def test_descriptors_by_a_fault(self):
        faults = fault("limit", 20, "descriptors = 25") + fault("signal", 60, 'signal = "SIGUSR1"') + STOP % 200
        run = self.run_report("--open", 100, faults=faults)
        opened = self.said(run, "opened")
        self.assertLess(int(opened[0]), 25)
        self.assertEqual("Too many open files", " ".join(opened[1:]))

    def test_memory_kills_what_takes_more(self):
        self.needs("memory cgroup")
        faults = fault("signal", 20, 'signal = "SIGUSR1"') + STOP % 1500
        run = self.run_report("--eat", 200, tables='[target.limits]\nmemory = "64MiB"', faults=faults)
        self.assertEqual(("signalled", 9), [(e["how"], e["value"]) for e in run.events("target_ended")][0])
        self.assertIn("memory limit", run.events("target_forced")[0]["reason"])

    def test_memory_by_a_fault_kills_what_takes_more(self):
        self.needs("memory cgroup")
        faults = (fault("limit", 10, 'memory = "64MiB"') + fault("signal", 40, 'signal = "SIGUSR1"') + STOP % 1500)
        run = self.run_report("--eat", 200, faults=faults)
        self.assertIn("memory limit", run.events("target_forced")[0]["reason"])

    def test_the_processor(self):
        self.needs("cpu cgroup")
        run = self.run_report("--spin", 0.2, tables="[target.limits]\ncpu = 20")
        self.assertGreater(float(self.said(run, "spun")[0]), 0.5)

    def test_the_disk_and_its_files_are_kept(self):
        self.needs("tmpfs")
        faults = fault("signal", 20, 'signal = "SIGUSR1"') + STOP % 300
        run = self.run_report("--fill", tables='[target.limits]\ndisk = "1MiB"\n' + LAYOUT, faults=faults)
        self.assertEqual([str(1 << 20)], self.said(run, "disk"))
        self.assertEqual("No space left on device", " ".join(self.said(run, "filled")[1:]))
        kept = run.history().parent / "target"
        self.assertEqual("here", (kept / "laid/out.txt").read_text())
        self.assertEqual(int(self.said(run, "filled")[0]), (kept / "filler").stat().st_size)

    def test_the_disk_is_full_by_a_fault(self):
        self.needs("tmpfs")
        faults = fault("limit", 10, 'disk = "4KiB"') + fault("signal", 40, 'signal = "SIGUSR1"') + STOP % 300
        run = self.run_report("--fill", faults=faults)
        self.assertEqual([0], [e["error"] for e in run.events("fault_finished") if e["fault"] == 0])
        self.assertLess(int(self.said(run, "filled")[0]), 8192)

    def test_no_cgroup_is_left(self):
        self.needs("memory cgroup")
        self.run_report(tables='[target.limits]\nmemory = "64MiB"\ncpu = 50')
        self.assertEqual([], [name for name in cgroups() if not Path(f"/proc/{name.split('-')[1]}").exists()])

    def test_no_cgroup_is_left_by_a_killed_lastcall(self):
        self.needs("memory cgroup")
        path = self.write(scenario(report(), environment=self.marked_environment() + '\n[target.limits]\nmemory = "64MiB"',
                                   faults=STOP % 20_000, budget='load = "30s"'))
        running = self.start("run", path, "--trials", 1, "--results", self.folder / "results")
        self.addCleanup(running.wait)

        def groups():
            """Of all that runs for this test: the groups that lastcall made."""
            found = set()
            for pid in processes(self.mark):
                try:
                    found |= set(re.findall(r"/(lastcall-\d+)$", Path(f"/proc/{pid}/cgroup").read_text(), re.M))
                except OSError:  # gone
                    pass
            return found

        self.assertTrue(until(groups, 10))
        names = groups()
        self.assertTrue(names & cgroups())
        running.kill()
        gone = until(lambda: not names & cgroups(), 10)
        self.assertTrue(gone, f"{names} are left")
        self.assert_nobody_is_left(5)


class Recipients(TargetTest):
    def heard(self, faults, target="", stop=""):
        command = [PYTHON, "{here}/servers/family.py"]
        run = self.run_scenario(scenario(command, ready='log = "^parent is up"', environment=target,
                                         faults=faults, stop=stop))
        self.assertEqual("pass", run.verdict("clean-exit")["outcome"], run)
        return [line for line in self.lines(run) if " got " in line and "SIGTERM" not in line], run

    def test_a_process_a_group_a_child_or_the_tree(self):
        everybody = ["first got SIGUSR1", "parent got SIGUSR1", "second got SIGUSR1"]
        for to, expected in (("process", ["parent got SIGUSR1"]), ("child", ["first got SIGUSR1"]),
                             ("group", everybody), ("tree", everybody)):
            with self.subTest(to=to):
                faults = fault("signal", 20, f'signal = "SIGUSR1"\nto = "{to}"') + STOP % 250
                self.assertEqual(expected, sorted(self.heard(faults)[0]))

    def test_a_kill_of_a_child_switches_off_nothing_of_the_rest(self):
        faults = fault("kill", 20, 'to = "child"') + STOP % 250
        for code, outcome in ((0, "pass"), (5, "fail")):
            with self.subTest(code=code):
                server = " ".join(serve("--code", str(code)))
                run = self.run_scenario(scenario(["sh", "-c", "sleep 60 & exec " + server], faults=faults))
                self.assertEqual(["SIGKILL to child"],
                                 [e["what"] for e in run.events("fault_invoked") if e["signal"] == 9])
                self.assertEqual(outcome, run.verdict("clean-exit")["outcome"], run)
                self.assertEqual("pass", run.verdict("deadline")["outcome"], run)

    def test_the_stop_goes_where_the_scenario_says(self):
        _, run = self.heard(STOP % 20, stop=', to = "tree"')
        self.assertEqual({"parent got SIGTERM", "first got SIGTERM", "second got SIGTERM"},
                         {line for line in self.lines(run) if "SIGTERM" in line})
        self.assertIn("to tree", run.events("fault_invoked")[0]["what"])

    def test_a_storm_comes_as_often_as_it_says(self):
        faults = fault("storm", 20, 'signal = "SIGUSR2"\ncount = 5\ngap = "20ms"') + STOP % 500
        self.assertEqual(["parent got SIGUSR2"] * 5, self.heard(faults)[0])

    def test_a_pause_is_a_gap(self):
        run = self.run_report("--beat", 0.01, faults=fault("pause", 50, 'for = "300ms"') + STOP % 450)
        beats = [int(line.split()[1]) for line in self.lines(run) if line.startswith("beat")]
        longest = max(after - before for before, after in zip(beats, beats[1:]))
        self.assertGreater(longest, 280e6)

    def test_a_kill_kills(self):
        run = self.run_report(faults=fault("kill", 30) + STOP % 300)
        self.assertEqual([("signalled", 9)], [(e["how"], e["value"]) for e in run.events("target_ended")])

    def test_to_the_init_or_the_shell_when_there_is_one(self):
        self.needs("PID namespace")
        # A group's and a tree's signals reach the target below its shell all the same.
        for to in ("group", "tree"):
            with self.subTest(to=to):
                faults = fault("signal", 50, f'signal = "SIGTERM"\nto = "{to}"')
                run = self.run_report(target="shell = true", faults=faults)
                self.assertEqual([], run.events("process_left"), run)


class Doctor(LastcallTest):
    def test_says_what_limits_and_starts_need(self):
        for what in ("memory cgroup", "cpu cgroup", "tmpfs", "PID namespace", "changing user", "TCP_REPAIR"):
            self.assertTrue(finding(what)["detail"], what)


if __name__ == "__main__":
    unittest.main()
