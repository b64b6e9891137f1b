"""What lastcall says when something goes wrong that people run into, one test each. What a machine lacks stands in
environment_test.py."""
import ctypes
import os
import re
import struct
import subprocess
import unittest

from lastcall_cli import HTTP_CLIENT, LASTCALL, PYTHON, LastcallTest, lastcall, scenario, serve

EPERM = 1
AUDIT_ARCH_X86_64 = 0xC000003E
PTRACE = 101  # of x86-64


def forbid_ptrace():
    """As a container's seccomp profile does it: ptrace(2) fails with EPERM, in this process and all that it starts."""
    load, jump_if_equal, answer = 0x20, 0x15, 0x06
    program = b"".join(struct.pack("HBBI", *step) for step in (
        (load, 0, 0, 4), (jump_if_equal, 0, 3, AUDIT_ARCH_X86_64), (load, 0, 0, 0), (jump_if_equal, 0, 1, PTRACE),
        (answer, 0, 0, 0x00050000 | EPERM), (answer, 0, 0, 0x7FFF0000)))
    buffer = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, seccomp, filter_mode = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(seccomp, filter_mode, header, 0, 0):
        os._exit(99)


class CommandLine(LastcallTest):
    def refused(self, *words):
        """What lastcall says of a command line that is wrong."""
        done = lastcall(*words, cwd=self.folder)
        self.assert_exit(2, done)
        self.assertEqual("", done.out)
        return done.err

    def test_an_unknown_command_is_named_with_the_nearest(self):
        self.assertRegex(self.refused("rnu", "x.toml"), r"there is no command 'rnu'; did you mean 'run'\? \(commands: .*run")
        self.assertRegex(self.refused("frobnicate"), r"there is no command 'frobnicate' \(commands: ")

    def test_a_number_of_trials_says_what_is_allowed(self):
        path = self.write(scenario(serve()))
        for count in ("0", "-1", "ten", "1.5"):
            with self.subTest(count=count):
                said = self.refused("run", path, f"--trials={count}")
                self.assertIn(f"--trials: expected a whole number from 1, found '{count}'", said)

    def test_which_trials_to_keep_says_what_is_allowed(self):
        said = self.refused("run", self.write(scenario(serve())), "--keep", "fail")
        self.assertIn("--keep: expected failed, all, none, found 'fail'; did you mean 'failed'?", said)

    def test_results_of_another_campaign_are_refused(self):
        path = self.write(scenario(serve()))
        lastcall("run", path, "--trials", 1, "--results", self.folder / "r")
        said = self.refused("run", path, "--results", self.folder / "r")
        self.assertIn("holds the results of another campaign: remove it, or name another directory", said)

    def test_a_setting_of_an_unknown_key_names_the_setting(self):
        said = self.refused("run", self.write(scenario(serve())), "--set", "budget.trails=3")
        self.assertIn("--set budget.trails=3: unknown key 'trails' in [budget]; did you mean 'trials'?", said)
        self.assertIn("(allowed: trials, load, trial_timeout)", said)


    def test_validate_warns_of_what_is_required_and_can_never_be_judged(self):
        kill = '[[faults]]\nwhat = "kill"\nwhen = { phase = "load", at = "50ms" }\n'
        silent = HTTP_CLIENT + 'behaviour = "silent"\n'
        for name, parts, why in (
                ("repeat-signal", {}, "no fault sends a second stop signal: add [[faults]] what = \"double-signal\""),
                ("deadline", {"faults": kill}, "no fault sends the target a signal of [target.stop]"),
                ("in-flight-finished", {"clients": silent}, "no client sends a request before the stop"),
                ("prompt-exit", {"budget": "trials = 3"}, "it needs 5 trials or more, [budget] trials = 3"),
                ("recovers", {}, "[target.recovery]")):
            with self.subTest(name):
                done = lastcall("validate", self.write(scenario(serve(), properties=f'require = ["{name}"]', **parts)))
                self.assert_exit(0, done)
                self.assertRegex(done.err, f"warning: '{name}' is required and can never be judged: .*{re.escape(why)}")
        self.assertEqual("", lastcall("validate", self.write(scenario(serve(), properties='require = ["deadline"]'))).err)


class Results(LastcallTest):
    def test_latest_names_the_last_campaign(self):
        path = self.write(scenario(serve()))
        latest = self.folder / "lastcall-results" / "latest"
        for _ in range(2):
            self.assert_exit(0, lastcall("run", path, "--trials", 1, cwd=self.folder))
            newest = max(entry for entry in latest.parent.iterdir() if not entry.is_symlink())
            self.assertEqual(newest.name, os.readlink(latest))
            self.assertTrue((latest / "report.json").exists())

    def test_what_is_called_latest_and_is_no_link_stays(self):
        latest = self.folder / "lastcall-results" / "latest"
        latest.mkdir(parents=True)
        self.assert_exit(0, lastcall("run", self.write(scenario(serve())), "--trials", 1, cwd=self.folder))
        self.assertFalse(latest.is_symlink())

    def test_a_kept_trial_has_the_output_of_the_target_as_files(self):
        code = "echo to out; echo to err >&2; printf 'no newline'; echo ready; exec sleep 100"
        run = self.run_scenario(scenario(["sh", "-c", code], ready='log = "ready$"', clients=""))
        folder = run.results / run.trials[0]["directory"]
        self.assertEqual("to out\nno newlineready\n", (folder / "stdout.txt").read_text())
        self.assertEqual("to err\n", (folder / "stderr.txt").read_text())

    def test_a_full_disk_is_named_and_what_finished_is_reported(self):
        results = self.folder / "r"
        results.mkdir()
        (results / "trials.jsonl").symlink_to("/dev/full")
        run = lastcall("run", self.write(scenario(serve())), "--trials", 3, "--results", results)
        self.assert_exit(4, run)
        self.assertRegex(run.err, r"cannot write .*trials.jsonl: No space left on device")
        self.assertIn("1 of 3 trials", run.out)
        self.assertTrue((results / "report.json").exists())


class Targets(LastcallTest):
    def test_that_cannot_be_executed_end_the_campaign_after_one_trial(self):
        for command, why in ((["nowhere-to-be-found"], "nowhere-to-be-found"), ([str(self.write("x", "plain.txt"))], "plain.txt")):
            with self.subTest(command=command):
                run = self.run_scenario(scenario(command), trials=5)
                self.assert_exit(3, run)
                self.assertEqual(1, len(run.trials))
                self.assertRegex(run.err, "the first trial is the last, because the target cannot be started: .*" + why)

    def test_that_have_no_working_directory_name_the_folder(self):
        run = self.run_scenario(scenario(serve(), environment='directory = "/no/such/folder"'))
        self.assertIn("cannot enter the working directory: No such file or directory: /no/such/folder", run.err)

    def test_that_are_never_ready_say_what_the_url_last_answered(self):
        code = ("import http.server as h\nclass A(h.BaseHTTPRequestHandler):\n def do_GET(s):\n  s.send_response(503); "
                "s.end_headers(); s.wfile.write(b'warming up')\nh.HTTPServer(('127.0.0.1', {port}), A).serve_forever()")
        run = self.run_scenario(scenario([PYTHON, "-c", code],
                                         ready='url = "http://127.0.0.1:{port}/", timeout = "700ms"'))
        self.assertRegex(run.verdict("serves")["reason"], 'never ready: .*last answer: 503 "warming up"')

    def test_that_die_of_the_readiness_probe_say_so(self):
        code = ("import socket, time\ns = socket.create_server(('127.0.0.1', {port}))\nc = s.accept()[0]\n"
                "time.sleep(0.05)\nraise SystemExit(3)")
        later = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "5s" }\n'
        run = self.run_scenario(scenario([PYTHON, "-c", code], ready='port = "{port}"', clients="", faults=later))
        self.assertRegex(run.verdict("clean-exit")["reason"],
                         r"ended before it was told to: exit 3.*no client had come by then, only lastcall's own "
                         r"readiness probe \(port \{port\}\)")

    def test_that_die_of_a_client_do_not_blame_the_probe(self):
        code = ("import socket\ns = socket.create_server(('127.0.0.1', {port}))\nc = s.accept()[0]\nc = s.accept()[0]\n"
                "c.recv(1)\nraise SystemExit(3)")
        run = self.run_scenario(scenario([PYTHON, "-c", code], ready='port = "{port}"'))
        self.assertRegex(run.verdict("clean-exit")["reason"], "ended before it was told to: exit 3")
        self.assertNotIn("readiness probe", run.verdict("clean-exit")["reason"])

    def test_that_may_not_be_traced_are_judged_and_the_rest_says_why(self):
        path = self.write(scenario(serve()))
        results = self.folder / "r"
        words = [LASTCALL, "run", path, "--trials", "1", "--keep", "all", "--results", results]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, preexec_fn=forbid_ptrace)
        self.assertIn(done.returncode, (0, 3), done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"not traced: cannot trace process \d+: Operation not permitted \(a container's seccomp profile or "
                         r"kernel.yama.ptrace_scope forbids ptrace\(2\): .*trace = false")


class Replays(LastcallTest):
    def test_say_why_one_could_not_be_judged(self):
        script = self.write("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in serve("--code", "5")[:-2])
                            .replace("{here}", str(self.folder)).replace("'{port}'", '"$1"') + " --code 5\n", "server.sh")
        script.chmod(0o755)
        run = self.run_scenario(scenario(["./server.sh", "{port}"]))
        self.assertEqual("fail", run.verdict("clean-exit")["outcome"])
        plan = run.results / run.trials[0]["directory"]
        script.unlink()
        done = lastcall("replay", plan, "--times", 1)
        self.assertRegex(done.out, "1 could not be judged; clean-exit: the target could not be started: .*server.sh")


class Progress(LastcallTest):
    def test_is_a_line_every_ten_seconds_where_there_is_no_terminal(self):
        run = self.run_scenario(scenario(serve()), "--for", "10500ms", trials=None, keep="none")
        self.assert_exit(0, run)
        self.assertRegex(run.err, r"^lastcall: \d+ trials.* running, 10\.\d+ s\n$")


if __name__ == "__main__":
    unittest.main()
