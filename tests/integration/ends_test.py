"""Every way in which a target can end, and whatever it says before."""
import shutil
import unittest

from lastcall_cli import PYTHON, LastcallTest, scenario


class Ends(LastcallTest):
    def failures(self, run):
        return {p for p, outcome in run.outcomes().items() if outcome == "fail"}

    def test_promised_exit_codes_and_no_others_are_clean(self):
        promise = ", exit = [0, 3]"
        self.assert_exit(0, self.run_server("--code", 3, stop=promise))
        run = self.run_server("--code", 4, stop=promise)
        self.assert_exit(1, run)
        self.assertEqual({"clean-exit"}, self.failures(run))
        self.assertEqual([("exited", 4)], [(e["how"], e["value"]) for e in run.events("target_ended")])

    def test_an_abort_at_the_stop_is_a_panic(self):
        run = self.run_server("--at-stop", "abort")
        self.assert_exit(1, run)
        self.assertIn("no-panic", self.failures(run))
        self.assertIn("SIGABRT", run.verdict("no-panic")["reason"])
        self.assertEqual([("signalled", 6)], [(e["how"], e["value"]) for e in run.events("target_ended")])

    def test_a_death_by_signal_is_clean_only_if_it_is_promised(self):
        sleeper = ["sh", "-c", "echo ready; exec sleep 100"]
        for promise, outcome in ((', exit = ["SIGTERM"]', "pass"), ("", "fail"), (", exit = 143", "fail")):
            with self.subTest(promise=promise):
                run = self.run_scenario(scenario(sleeper, clients="", stop=promise))
                self.assertEqual(outcome, run.verdict("clean-exit")["outcome"])
                self.assertEqual("pass", run.verdict("no-panic")["outcome"])

    def test_who_handles_the_signal_may_end_as_it_unless_the_scenario_states_an_end(self):
        code = ("import os, signal, time\nstopped = []\nsignal.signal(15, lambda *_: stopped.append(1))\n"
                "print('ready', flush=True)\nwhile not stopped: time.sleep(0.01)\n{}")
        again = "signal.signal(15, signal.SIG_DFL); signal.raise_signal(15)"
        for end, promise, outcome in ((again, "", "pass"), ("os._exit(143)", "", "pass"), ("os._exit(144)", "", "fail"),
                                      (again, ", exit = 0", "fail"), ("os._exit(143)", ", exit = 0", "fail")):
            for trace in ("", "trace = false"):
                with self.subTest(end=end, promise=promise, trace=trace):
                    run = self.run_scenario(scenario([PYTHON, "-c", code.format(end)], clients="", stop=promise,
                                                     environment=trace))
                    [look] = run.events("handler_at_stop")
                    self.assertEqual((15, True, ""), (look["signal"], look["caught"], look["runtime"]))
                    self.assertEqual(outcome, run.verdict("clean-exit")["outcome"], run)

    @unittest.skipUnless(shutil.which("node"), "there is no node")
    def test_the_handler_that_node_has_in_every_program_is_none_of_the_program(self):
        ready = "console.log('ready'); setInterval(() => {}, 1000)"
        again = "; process.once('SIGTERM', () => setTimeout(() => process.kill(process.pid, 'SIGTERM'), 20))"
        for code, outcome in ((ready, "fail"), (ready + again, "pass")):
            for trace, said in (("", outcome), ("trace = false", "not-applicable")):
                with self.subTest(code=code, trace=trace):
                    run = self.run_scenario(scenario(["node", "-e", code], clients="", environment=trace))
                    self.assertEqual(["node"], [e["runtime"] for e in run.events("handler_at_stop")])
                    self.assertEqual(said, run.verdict("clean-exit")["outcome"], run)

    def assert_hangs(self, *options):
        run = self.run_server("--at-stop", "hang", *options)
        self.assert_exit(1, run)
        self.assertIn("deadline", self.failures(run))
        self.assertNotIn("no-panic", self.failures(run))
        stop = float(run.events("fault_invoked")[0]["t"])
        ended = float(run.events("target_ended")[0]["t"])
        self.assertGreaterEqual(ended - stop, 2)
        self.assertLess(ended - stop, 4)
        self.assertEqual([], [v for v in run.trials[0]["result"]["verdicts"] if v["property"] == "released" and
                              v["outcome"] != "not-applicable"])

    def test_a_hang_is_ended_soon_after_the_deadline(self):
        self.assert_hangs()

    def test_a_hang_that_ignores_sigquit_is_ended_too(self):
        self.assert_hangs("--deaf")


class Output(LastcallTest):
    def lines(self, run):
        return [e["line"] for e in run.events("target_output")]

    def test_without_newline_is_kept(self):
        # Until the server says that it is ready, what it said stays an open line; this one ends that way.
        run = self.run_server("--say", "no-newline")
        self.assert_exit(0, run)
        self.assertIn("last words without newline", self.lines(run))

    def test_of_a_line_of_100_mb_is_bounded_and_what_was_not_seen_is_said(self):
        run = self.run_server("--say", "long-line")
        self.assert_exit(3, run)
        self.assertLess(run.history().stat().st_size, 1_000_000)
        self.assertEqual(8192, max(map(len, self.lines(run))))
        self.assertRegex(run.verdict("no-panic")["reason"], "the target printed lines longer than the 256 KiB that lastcall reads of one: "
                         r"\d{2,}\.\d MB \(1 line\) were not searched; make it print shorter lines")
        # What is judged by something else is not touched.
        for property in ("serves", "clean-exit", "deadline"):
            self.assertEqual("pass", run.verdict(property)["outcome"], property)

    def test_of_100_mb_of_lines_is_bounded_and_what_depends_on_it_unknown(self):
        run = self.run_server("--say", "flood", ready='port = "{port}"')
        self.assert_exit(3, run)
        self.assertEqual("unknown", run.verdict("no-panic")["outcome"])
        self.assertRegex(run.verdict("no-panic")["reason"], "the target printed more than the 16 MiB that lastcall reads: "
                         r"\d{2,}\.\d MB \(\d{6,} lines\) were not searched; make it print less")
        # What does not read the output is judged.
        unknown = {name for name, outcome in run.outcomes().items() if outcome == "unknown"}
        self.assertEqual({"no-panic", "no-send-on-closed"}, unknown)
        self.assertEqual("pass", run.verdict("deadline")["outcome"])
        self.assertIn("exit code 3: ", run.out)
        self.assertLess(run.history().stat().st_size, 100_000_000)
        self.assertLess(run.seconds, 240)

    def test_of_empty_lines_without_an_end_is_bounded_too(self):
        run = self.run_scenario(scenario(["yes", ""], ready='log = "^ready", timeout = "1s"'))
        self.assert_exit(1, run)
        self.assertLess(run.history().stat().st_size, 100_000_000)
        self.assertLess(run.seconds, 120)

    def no_panic_of(self, say, told=""):
        properties = f"no-panic = {{ {told} }}" if told else ""
        run = self.run_server("--say", say, properties=properties)
        verdict = run.verdict("no-panic")
        return run, verdict["outcome"], verdict["reason"]

    def test_with_an_error_that_the_program_logged_is_one_violation_or_a_warning(self):
        error = "a Python traceback: ValueError: invalid literal for int() with base 10: 'none', in speak ("
        run, outcome, reason = self.no_panic_of("logged-error", 'logged = "fail"')
        self.assert_exit(1, run)
        self.assertEqual("fail", outcome)
        self.assertTrue(reason.startswith(error), reason)
        self.assertTrue(reason.endswith("; logged, and the program went on"), reason)
        self.assertNotIn("more error", reason)
        for told in ("", 'logged = "warn"'):
            run, outcome, reason = self.no_panic_of("logged-error", told)
            self.assert_exit(0, run)
            self.assertTrue(reason.startswith("1 logged, and the program went on: first " + error), reason)

    def test_with_an_error_that_is_excused_by_its_name_says_so(self):
        for name, outcome in (("ValueError", "pass"), ("KeyError", "fail")):
            with self.subTest(name):
                allowed = f'logged = "fail", allow = [{{ name = "{name}", why = "orders may be bad" }}]'
                run, found, reason = self.no_panic_of("logged-error", allowed)
                self.assertEqual(outcome, found)
                if outcome == "pass":
                    self.assertEqual("1 excused by allow: 1 by ValueError (orders may be bad)", reason)

    def test_with_binary_bytes_is_valid_json_in_the_history(self):
        run = self.run_server("--say", "binary")
        self.assert_exit(0, run)
        self.assertGreater(len(self.lines(run)), 4)


if __name__ == "__main__":
    unittest.main()
