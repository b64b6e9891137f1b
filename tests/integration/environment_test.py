"""What this machine lacks is never the target's fault: `doctor` finds it beforehand, `run` and `replay` end with exit
code 4, the reason and the remedy, and nothing is judged. Here each thing is taken away from lastcall, in namespaces of
its own or by a limit."""
import errno
import os
import random
import socket
import subprocess
import unittest
from pathlib import Path

from lastcall_cli import LASTCALL, LastcallTest, lastcall, scenario, serve

# Fills its disk, makes room again, and then does not stop as it should.
FILL = "head -c 64M /dev/zero > zeros; sleep 0.1; rm zeros; exec " + " ".join(serve("--code", "5"))
# Where a small disk is mounted: a short path, so that a trial's {dir} lies on it.
DISK = Path("/mnt")
LATER = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "500ms" }\n'


def unshared(*options):
    """Words before a command that is to have namespaces of its own, as root or as a user who becomes root in them; and
    why nobody may have them."""
    for more in ((), ("--map-root-user",)):
        words = ["unshare", *options, *more]
        done = subprocess.run([*words, "true"], capture_output=True, text=True)
        if done.returncode == 0:
            return words, ""
    return None, f"{' '.join(words)}: {done.stderr.strip()}"


class Environment(LastcallTest):
    def unshared(self, *options):
        words, problem = unshared(*options)
        if problem:
            self.skipTest(problem)
        return words

    def mounting(self, mount):
        """The same with a mount that nobody else sees."""
        return [*self.unshared("--mount"), "sh", "-c", f'{mount} && exec "$@"', "sh"]

    def lastcall(self, before, *words):
        return lastcall(*before[1:], LASTCALL, *words, program=before[0], cwd=self.folder)

    def assert_broken(self, before, *reasons, results=None):
        """With these words before it lastcall does not begin, and says why."""
        plan = next((self.run_server().results / "trials").glob("*/plan.json"))
        path = self.write(scenario(serve()))
        results = results or self.folder
        new = results / "new"
        doctor = self.lastcall(before, "doctor", "--results", results)
        self.assertIn("MISSING", doctor.out, str(doctor))
        run = self.lastcall(before, "run", path, "--trials", 1, "--results", new)
        replay = self.lastcall(before, "replay", plan, "--times", 1, "--results", new)
        for done, said in ((doctor, doctor.out), (run, run.err), (replay, replay.err)):
            self.assert_exit(4, done)
            for reason in reasons:
                self.assertIn(reason, said, str(done))
        self.assertEqual("", run.out)
        self.assertFalse((new / "trials.jsonl").exists())

    def test_without_the_loopback_interface(self):
        self.assert_broken(self.unshared("--net"), "cannot connect to 127.0.0.1", "ip link set lo up")

    def test_without_proc(self):
        self.assert_broken(self.mounting("mount -t tmpfs none /proc"), "/proc", "mount -t proc proc /proc")

    def test_with_the_proc_of_another_pid_namespace(self):
        self.assert_broken(self.unshared("--pid", "--fork", "--kill-child"), "of another PID namespace",
                           "mount -t proc proc /proc")

    def test_with_few_descriptors(self):
        self.assert_broken(["prlimit", "--nofile=8"], "8 a process are allowed, 256 are needed", "ulimit -n")

    def test_with_just_enough_descriptors(self):
        # Those through the proxy take three each: more than one worker may have.
        clients = '[[clients]]\nurl = "http://127.0.0.1:{port}/"\ncount = 40\nproxy = true\npace = "50ms"\n'
        path = self.write(scenario(serve(), clients=clients, faults=LATER))
        run = self.lastcall(["prlimit", "--nofile=256"], "run", path, "--trials", 1, "--results",
                            self.folder / "results")
        self.assertNotEqual(4, run.code, str(run))
        self.assertEqual("", run.trials[0]["result"]["broken"])
        self.assertGreater(run.trials[0]["result"]["connections"], 30)

    def test_without_memory(self):
        self.assert_broken(["prlimit", f"--as={60 << 20}"], "cannot reserve 64 MiB", "ulimit -v")

    def test_without_processes(self):
        if os.geteuid() == 0:
            self.skipTest("root has as many processes as it likes")
        self.assert_broken(["prlimit", "--nproc=0"], "cannot fork", "ulimit -u")

    def with_disk(self, size):
        return self.mounting(f"mount -t tmpfs -o size={size} none {DISK}")

    def test_with_a_full_disk(self):
        self.assert_broken(self.with_disk("1m"), "16 MiB are needed", "free some space", results=DISK)

    def test_with_a_disk_that_is_full_in_a_trial(self):
        self.write(scenario(["sh", "-c", FILL]))
        run = self.lastcall(self.with_disk("40m"), "run", "scenario.toml", "--trials", 1, "--results", DISK / "r")
        self.assert_exit(4, run)
        self.assertRegex(run.out, r"trial 1 broke: .*No space left on device .*16 MiB are needed: free some space")
        self.assertNotIn("exit 5", run.out)


class FixedPort(LastcallTest):
    """A port that the scenario names by its number."""
    def setUp(self):
        super().setUp()
        # Below those that lastcall and clients are given; another test may look for one at the same time.
        for self.port in random.sample(range(9_100, 10_000), 900):
            with socket.socket() as free:
                if free.connect_ex(("127.0.0.1", self.port)) == errno.ECONNREFUSED:
                    break
        text = scenario(serve(), environment="trace = false").replace("{port}", str(self.port))
        self.path = self.write(text)

    def test_trials_run_one_after_the_other(self):
        run = lastcall("run", self.path, "--trials", 3, "--jobs", 3, "--results", self.folder / "r")
        self.assert_exit(0, run)
        self.assertIn("names a port by its number, so trials run one after the other", run.err)

    def test_a_server_that_is_there_already_is_not_taken_for_the_target(self):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", self.port))
            other.listen()
            run = lastcall("run", self.path, "--trials", 1, "--results", self.folder / "r")
        self.assert_exit(4, run)
        self.assertIn(f"port {self.port}", str(run))
        self.assertIn("a process that is not the target listens there", str(run))


if __name__ == "__main__":
    unittest.main()
