"""When a target counts as ready, and what is said when it never is."""
import os
import unittest

from lastcall_cli import PYTHON, LastcallTest, scenario, serve

# Much longer than starting Python takes, so that an early "ready" shows.
READY_AFTER = 0.5


class Readiness(LastcallTest):
    def assert_waits_for(self, by, ready):
        run = self.run_server("--ready-by", by, "--ready-after", READY_AFTER, ready=ready)
        self.assert_exit(0, run)
        at = float(run.events("target_ready")[0]["t"])
        self.assertGreaterEqual(at, READY_AFTER)
        self.assertLess(at, READY_AFTER + 1.5)
        self.assertGreater(float(run.events("connect_invoked")[0]["t"]), at)

    def test_by_url_waits_for_a_2xx(self):
        self.assert_waits_for("url", 'url = "http://127.0.0.1:{port}/"')

    def test_by_port_waits_for_the_listener(self):
        self.assert_waits_for("port", 'port = "{port}"')

    def test_by_log_waits_for_the_line(self):
        self.assert_waits_for("log", 'log = "^ready$"')

    def test_by_notify_waits_for_the_message(self):
        self.assert_waits_for("notify", "notify = true")

    def test_by_several_waits_for_all_of_them(self):
        self.assert_waits_for("url", 'port = "{port}", url = "http://127.0.0.1:{port}/"')
        self.assert_waits_for("notify", 'notify = true, port = "{port}"')
        self.assert_waits_for("log", 'port = ["{port}"], log = ["^ready$", "^rea"]')

    def test_by_several_names_what_never_came(self):
        run = self.run_server("--ready-by", "log", ready='port = ["{port}", "{port.tls}"], log = ["^ready", "^set"], '
                                                         'notify = true, timeout = "600ms"')
        self.assert_exit(1, run)
        self.assertRegex(run.verdict("serves")["reason"],
                         r"never ready: not within 600 ms, waiting for READY=1, port \{port\.tls\} "
                         r'\(127\.0\.0\.1:\d+: Connection refused\), log "\^set"')

    def test_by_url_says_what_came_of_it_last(self):
        urls = 'url = ["http://127.0.0.1:{port}/", "http://127.0.0.1:{port.other}/"]'
        run = self.run_server("--ready-by", "url", "--ready-after", 60, ready=urls + ', timeout = "3s"')
        self.assert_exit(1, run)
        self.assertIn('waiting for url http://127.0.0.1:{port}/ (last answer: 503 "hi"), '
                      "url http://127.0.0.1:{port.other}/ (Connection refused)", run.verdict("serves")["reason"])

    def test_that_never_comes_fails_serves_after_its_timeout(self):
        for ready in ('url = "http://127.0.0.1:{port.other}/"', 'port = "{port.other}"', 'log = "no such line"',
                      "notify = true"):
            with self.subTest(ready=ready):
                run = self.run_server("--ready-by", "never", ready=ready + ', timeout = "600ms"')
                self.assert_exit(1, run)
                self.assertEqual("fail", run.verdict("serves")["outcome"])
                self.assertIn("never ready: not within 600 ms", run.verdict("serves")["reason"])
                self.assertLess(run.seconds, 30)
                # The end was lastcall's doing; whoever depends on the stop says so, and the table says it once.
                cause = "lastcall had ended the target because it was not ready within 600 ms"
                self.assertIn(cause, run.verdict("deadline")["reason"])
                self.assertEqual(1, run.out.count(cause), run.out)

    def test_of_a_target_that_exits_first_fails_serves_at_once(self):
        run = self.run_server("--ready-by", "exit", ready='log = "^ready", timeout = "60s"')
        self.assert_exit(1, run)
        self.assertIn("the target ended first", run.verdict("serves")["reason"])
        self.assertIn("exit 7", run.verdict("clean-exit")["reason"])
        self.assertLess(run.seconds, 30)


class CommandThatCannotBeRun(LastcallTest):
    def assert_unknown(self, command, reason):
        run = self.run_scenario(scenario(command))
        self.assert_exit(3, run)
        self.assertEqual({"unknown"}, set(run.outcomes().values()))
        self.assertIn(reason, run.verdict("serves")["reason"])
        self.assertIn(reason, run.out)

    def test_because_it_does_not_exist_is_unknown_with_the_reason(self):
        self.assert_unknown(["no-such-server"], "no-such-server")
        self.assert_unknown(["/no/such/server"], "No such file")

    def test_because_it_is_not_executable_is_unknown_with_the_reason(self):
        script = self.folder / "not-executable"
        script.write_text("#!/bin/sh\n")
        self.assert_unknown([script], "Permission denied")

    def test_because_its_interpreter_is_missing_is_unknown_with_the_reason(self):
        script = self.folder / "script"
        script.write_text("#!/no/such/interpreter\n")
        os.chmod(script, 0o755)
        self.assert_unknown([script], "No such file")

    def test_because_it_is_no_program_is_unknown_with_the_reason(self):
        script = self.folder / "data"
        script.write_bytes(b"\x7fELF no more than that")
        os.chmod(script, 0o755)
        self.assert_unknown([script], "Exec format error")


if __name__ == "__main__":
    unittest.main()
