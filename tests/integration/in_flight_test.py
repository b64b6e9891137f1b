"""Requests that the stop finds under way: those that the server had read count, however young; the others are counted
too, with the reason why they are not judged. And groups of clients that were never answered, or fell silent early."""
import unittest

from budget import LIMIT
from lastcall_cli import PYTHON, LastcallTest, scenario

CLIENTS = '[[clients]]\nname = "orders"\nurl = "http://127.0.0.1:{{port}}/"\ncount = {count}\npace = "{pace}"\n'


def handlers(*options):
    return [PYTHON, "{here}/servers/handlers.py", "--port", "{port}", *options]


def stop_at(when):
    return f'[[faults]]\nwhat = "stop"\nwhen = {{ phase = "load", at = "{when}" }}\n'


class InFlight(LastcallTest):
    def campaign(self, *options, when="0ms..300ms", trials=10, count=10, pace="5ms..10ms", **parts):
        text = scenario(handlers(*options), clients=CLIENTS.format(count=count, pace=pace), faults=stop_at(when), **parts)
        return self.run_scenario(text, trials=trials)

    def outcomes_of(self, run, name="in-flight-finished"):
        return [run.verdict(name, trial)["outcome"] for trial in range(len(run.trials))]

    def lost(self, run):
        """Connections whose request was sent before the stop and got no answer, over all trials, and the judged."""
        lost = judged = 0
        for trial in range(len(run.trials)):
            events = run.events(trial=trial)
            stop = next(float(e["t"]) for e in events if e["kind"] == "fault_invoked")
            sent = {(e["connection"], e["request"]) for e in events if e["kind"] == "request_sent" and float(e["t"]) < stop}
            answered = {(e["connection"], e["request"]) for e in events
                        if e["kind"] == "request_ended" and e["end"] != "unknown"}
            lost += len(sent - answered)
            judged += run.verdict("in-flight-finished", trial)["judged"]
        return lost, judged

    def test_handlers_of_50_ms_that_are_dropped_are_found(self):
        # Where the machine is busy, some stops come before there is a request.
        outcomes = []
        while outcomes.count("fail") < 7 and len(outcomes) < 10 * LIMIT:
            run = self.campaign("--drops")
            self.assert_exit(1, run)
            self.assertIn("read by the target", run.out)
            outcomes += self.outcomes_of(run)
        self.assertGreaterEqual(outcomes.count("fail"), 7, str(run))
        self.assertGreater(outcomes.count("fail"), outcomes.count("pass"), str(run))

    def test_a_slow_endpoint_that_never_answered_is_found(self):
        run = self.campaign("--drops", "--ms", 1500, when="300ms..1s", count=10, trials=3)
        self.assert_exit(1, run)
        self.assertEqual(["fail"] * 3, self.outcomes_of(run), str(run))
        self.assertEqual((30, 30), self.lost(run))
        self.assertIn('NOTHING WAS HEARD: clients "orders": no client was answered', run.out)

    def test_their_right_twins_are_not_blamed(self):
        for ms, when in ((50, "0ms..300ms"), (1500, "300ms..1s")):
            with self.subTest(ms=ms):
                # Beside other work all clients may have been answered at each of five stops.
                for _ in range(3):
                    run = self.campaign("--ms", ms, when=when, trials=5)
                    self.assert_exit(0, run)
                    self.assertNotIn("fail", self.outcomes_of(run), str(run))
                    if "pass" in self.outcomes_of(run):
                        break
                self.assertIn("pass", self.outcomes_of(run), str(run))

    def test_what_nobody_read_is_counted_with_the_reason(self):
        run = self.campaign("--no-read", "--drops", when="200ms", trials=1)
        # It may refuse them; not by a reset, having accepted their connections.
        self.assert_exit(1, run)
        self.assertIn("close-handshake: 10 of 10 connections were reset", run.out)
        self.assertEqual("not-applicable", run.verdict("in-flight-finished")["outcome"])
        self.assertIn("not judged: 10 whose bytes the target had not read", run.verdict("in-flight-finished")["reason"])
        properties = {p["name"]: p for p in run.report["scenarios"][0]["properties"]}
        self.assertEqual([{"why": "whose bytes the target had not read", "count": 10}],
                         properties["in-flight-finished"]["not_judged"])

    def test_clients_behind_the_proxy_are_known_by_their_outer_end(self):
        clients = CLIENTS.format(count=4, pace="5ms") + "proxy = true\n"
        run = self.run_scenario(scenario(handlers("--drops", "--ms", 5000), clients=clients, faults=stop_at("300ms")))
        self.assertEqual("fail", run.verdict("in-flight-finished")["outcome"], str(run))
        self.assertIn("4 of 4 requests", run.verdict("in-flight-finished")["reason"])

    def test_a_worker_that_strikes_asks_the_kernel_too(self):
        faults = '[[faults]]\nwhat = "stop"\nwhen = { event = "acknowledged", nth = 30 }\n'
        run = self.run_scenario(scenario(handlers("--drops"), clients=CLIENTS.format(count=10, pace="5ms..40ms"),
                                         faults=faults), trials=10)
        for trial in (0, 1):
            asked = run.events("sockets_at_stop", trial)
            self.assertEqual([""], [e["problem"] for e in asked])
            self.assertEqual(10, len(asked[0]["connections"].split()))
        # Clients that move in step may all have been answered at that moment.
        self.assertIn("fail", self.outcomes_of(run), str(run))

    def test_a_server_that_closes_everybody_after_one_broken_answer_is_said_loudly(self):
        run = self.campaign("--short", "--ms", 1, when="300ms", trials=2)
        self.assertNotEqual(0, run.code, str(run))
        self.assertIn("before the answer was as long as its header says", run.out)
        self.assertIn('NOTHING WAS HEARD: clients "orders": no client got a complete answer in 2 trials; see serves', run.out)
        self.assertEqual(['clients "orders"'], [s["group"] for s in run.report["scenarios"][0]["silent"]])
        self.assertIn("### Nothing was heard", (run.results / "report.md").read_text())


if __name__ == "__main__":
    unittest.main()
