"""What outlives a target is found, what ends in time is not, and what lastcall gives a target does not break it."""
import json
import os
import shutil
import unittest
from pathlib import Path

from lastcall_cli import PYTHON, STOP_AT_FIFTH_ANSWER, LastcallTest, lastcall, scenario


# Another user may not reach an interpreter in somebody's home.
EVERYBODYS_PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin") or PYTHON


def leaver(*options):
    return [PYTHON, "{here}/servers/leaver.py", "--port", "{port}", *options]


class Released(LastcallTest):
    def released(self, *options, trials=1, jobs=2, traced=False, properties=""):
        trace = "untraced_every = 0" if traced else "trace = false"
        environment = f"{trace}\n{self.marked_environment()}\n"
        run = self.run_scenario(scenario(leaver(*options), environment=environment, properties=properties),
                                "--jobs", jobs, trials=trials)
        verdicts = [run.verdict("released", trial) for trial in range(trials)]
        return [v["outcome"] for v in verdicts], [v["reason"] for v in verdicts], run

    def test_a_chain_of_processes_that_fork_and_exit_is_found_each_time(self):
        outcomes, reasons, run = self.released("--leaves", "chain", trials=20)
        self.assertEqual(["fail"] * 20, outcomes, run)
        for reason in reasons:
            self.assertRegex(reason, "a chain of processes goes on: |process [0-9]+ .* is alive ")
        self.assert_nobody_is_left(1)

    def test_a_chain_is_found_below_the_tracer_too(self):
        outcomes, _, run = self.released("--leaves", "chain", trials=3, traced=True)
        self.assertNotIn("pass", outcomes, run)

    def test_helpers_that_end_in_time_are_nothing(self):
        outcomes, reasons, run = self.released("--leaves", "helpers", trials=20)
        self.assertEqual((["pass"] * 20, [""] * 20), (outcomes, reasons), run)

    def test_a_helper_whose_work_the_tracer_slows_is_no_failure(self):
        outcomes, _, run = self.released("--leaves", "worker", trials=5, traced=True)
        self.assertNotIn("fail", outcomes, run)

    def test_a_helper_at_work_that_gets_little_of_the_processor_is_no_failure(self):
        outcomes, _, run = self.released("--leaves", "slowed", trials=3)
        self.assertEqual(["pass"] * 3, outcomes, run)

    def test_a_sleeper_is_left_traced_or_not(self):
        for traced in (False, True):
            outcomes, reasons, run = self.released("--leaves", "sleeper", traced=traced)
            self.assertEqual(["fail"], outcomes, run)
            self.assertIn("(sleep 97) is alive", reasons[0])

    def test_what_may_stay_is_counted(self):
        allow = '[properties.released]\nallow = [{ process = "sleep *", why = "by design" }]'
        outcomes, reasons, run = self.released("--leaves", "sleeper", properties=allow)
        self.assertEqual((["pass"], ["allowed: 1 process `sleep *` (by design)"]), (outcomes, reasons), run)

    def test_shared_memory_is_found_in_each_trial_and_removed(self):
        name = f"leaver-{os.getpid()}"
        self.addCleanup(Path("/dev/shm", name).unlink, missing_ok=True)
        outcomes, reasons, run = self.released("--maps", name, "--leaves", "shared-memory", trials=3, jobs=1)
        self.assertEqual((["fail"] * 3, [f"POSIX shared memory /dev/shm/{name} is left"] * 3), (outcomes, reasons), run)
        self.assertFalse(Path("/dev/shm", name).exists())

    def test_shared_memory_that_is_removed_or_was_there_before_is_nothing(self):
        name = f"leaver-{os.getpid()}"
        outcomes, reasons, run = self.released("--maps", name, trials=2, jobs=1)
        self.assertEqual((["pass"] * 2, [""] * 2), (outcomes, reasons), run)
        with open(f"/dev/shm/{name}", "wb"):
            self.addCleanup(os.unlink, f"/dev/shm/{name}")
        outcomes, _, run = self.released("--maps", name, "--leaves", "shared-memory")
        self.assertEqual(["pass"], outcomes, run)

    def test_a_cache_in_the_temporary_folder_is_worth_a_word(self):
        outcomes, reasons, run = self.released("--leaves", "cache")
        self.assertEqual(["pass"], outcomes, run)
        self.assertRegex(reasons[0], r"^1 file stays in \{dir\}/tmp, first tmp/\w+\.bin$")


class ShortPaths(LastcallTest):
    def deep(self, text):
        """One kept trial whose results lie 150 characters deep."""
        root = f"{self.folder}/deep/"
        results = Path(root + "d" * (150 - len(root)))
        self.assertEqual(150, len(str(results)))
        return lastcall("run", self.write(text), "--trials", 1, "--keep", "all", "--results", results)

    def test_a_socket_in_the_temporary_folder_can_be_bound_below_deep_results(self):
        run = self.deep(scenario(leaver("--socket", "--socket-in", "{dir}")))
        self.assertEqual("pass", run.verdict("released")["outcome"], run)
        self.assertEqual("pass", run.verdict("clean-exit")["outcome"], run)
        told = next(e["line"] for e in run.events("target_output") if e["line"].startswith("TMPDIR "))
        self.assertLess(len(told), 50)
        self.assertFalse(os.path.lexists(told.split()[1]), "it goes with the trial")

    def test_a_socket_with_the_whole_path_of_the_working_directory_can_be_bound_there(self):
        run = self.deep(scenario(leaver("--socket-in-cwd")))
        self.assertEqual(["pass"] * 2, [run.verdict(name)["outcome"] for name in ("serves", "clean-exit")], run)

    def test_a_socket_below_the_temporary_folder_without_links_can_be_bound_there(self):
        run = self.deep(scenario(leaver("--socket", "--without-links")))
        self.assertEqual(["pass"] * 2, [run.verdict(name)["outcome"] for name in ("serves", "clean-exit")], run)

    def test_what_is_left_there_is_found_and_kept(self):
        run = self.deep(scenario(leaver("--leaves", "cache")))
        self.assertIn("first tmp/", run.verdict("released")["reason"], run)
        kept = run.results / run.trials[0]["directory"] / "target" / "tmp"
        self.assertEqual([b"computed once"], [file.read_bytes() for file in kept.iterdir()])

    def test_a_user_a_namespace_and_a_small_disk_go_with_it(self):
        for finding in json.loads(lastcall("doctor", "--json").out):
            if finding["what"] in ("changing user", "PID namespace", "tmpfs") and not finding["good"]:
                self.skipTest(finding["detail"])
        command = [EVERYBODYS_PYTHON, *leaver("--socket", "--leaves", "cache")[1:]]
        target = 'user = "nobody"\npid1 = true\n[target.limits]\ndisk = "8MiB"\n'
        run = self.deep(scenario(command, environment=target))
        self.assertEqual("pass", run.verdict("clean-exit")["outcome"], run)
        self.assertRegex(run.verdict("released")["reason"], "^1 file stays")
        kept = run.results / run.trials[0]["directory"] / "target" / "tmp"
        self.assertEqual([b"computed once"], [file.read_bytes() for file in kept.iterdir()])

    def test_a_fault_at_a_path_strikes_whatever_name_the_target_uses(self):
        fault = ('[[faults]]\nwhat = "syscall"\nerror = "EPERM"\n'
                 'when = { syscall = "unlink", path = "{dir}/tmp/*.sock" }\n' + STOP_AT_FIFTH_ANSWER)
        run = self.deep(scenario(leaver("--socket"), faults=fault))
        self.assertEqual(1, len(run.events("syscall_reached")), run)
        self.assertIn("is left", run.verdict("released")["reason"])


if __name__ == "__main__":
    unittest.main()
