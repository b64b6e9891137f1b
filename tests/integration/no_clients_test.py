"""A server whose protocol lastcall does not speak: a scenario without clients judges its stop."""
import unittest

from lastcall_cli import LastcallTest, lastcall, scenario, serve

LATER = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "100ms" }\n'
ABOUT_CLIENTS = ("serves", "in-flight-finished", "close-handshake", "stops-accepting")


class NoClients(LastcallTest):
    def stop(self, *options, **parts):
        return self.run_scenario(scenario(serve(*options), clients="", faults=LATER, **parts))

    def test_its_stop_is_judged_and_what_is_about_clients_says_why_it_is_not(self):
        run = self.stop()
        self.assert_exit(0, run)
        for name in ABOUT_CLIENTS:
            self.assertEqual("not-applicable", run.verdict(name)["outcome"])
            self.assertEqual("the scenario has no [[clients]]: add one with a url", run.verdict(name)["reason"])
        for name in ("no-panic", "clean-exit", "deadline", "released"):
            self.assertEqual("pass", run.verdict(name)["outcome"])
        self.assertNotIn("NOTHING WAS HEARD", run.out)
        self.assertEqual([], run.events("connect_invoked"))

    def test_what_it_does_wrong_is_found(self):
        run = self.stop("--code", 3)
        self.assert_exit(1, run)
        self.assertIn("exit 3", run.verdict("clean-exit")["reason"])
        run = self.stop("--leave", environment=self.marked_environment())
        self.assert_exit(1, run)
        self.assertEqual("fail", run.verdict("released")["outcome"])
        run = self.stop("--ready-by", "never", ready='log = "^ready", timeout = "600ms"')
        self.assert_exit(1, run)
        self.assertIn("never ready", run.verdict("serves")["reason"])

    def test_a_scenario_that_requires_answers_says_what_is_missing(self):
        run = self.stop(properties='require = ["in-flight-finished"]')
        self.assert_exit(3, run)
        self.assertIn("the scenario has no [[clients]]", run.out)

    def test_an_event_of_clients_that_are_not_there_is_refused(self):
        text = scenario(serve(), clients="", faults='[[faults]]\nwhat = "stop"\nwhen = { event = "sent" }')
        run = lastcall("validate", self.write(text))
        self.assert_exit(2, run)
        self.assertIn("'event' needs [[clients]]", run.out + run.err)


if __name__ == "__main__":
    unittest.main()
