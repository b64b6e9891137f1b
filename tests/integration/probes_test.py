"""What lastcall itself looks at: readiness during the stop, a setting's effect, the log's last lines, resources."""
import json
import sys
import unittest

from lastcall_cli import HTTP_CLIENT, LastcallTest, scenario

HEALTH = 'drains-health = { url = "http://127.0.0.1:{port}/health", visible = "150ms" }'


class Probes(LastcallTest):
    def keeper(self, *options, **parts):
        command = [sys.executable, "{here}/servers/keeper.py", "--port", "{port}", *options]
        clients = HTTP_CLIENT.replace("{port}/", "{port}/put/{id}")
        return self.run_scenario(scenario(command, clients=clients, **parts))

    def assert_verdict(self, run, name, outcome, reason=""):
        verdict = run.verdict(name)
        self.assertEqual(outcome, verdict["outcome"], f"{verdict}\n{run}")
        self.assertIn(reason, verdict["reason"])

    def test_readiness_that_goes_before_the_listener_is_seen(self):
        run = self.keeper(properties=HEALTH)
        self.assert_verdict(run, "drains-health", "pass")
        probes = run.events("health_probed")
        self.assertEqual([200, True], [probes[0]["status"], probes[0]["connected"]])
        self.assertIn(503, [p["status"] for p in probes])

    def test_readiness_that_stays_until_the_listener_goes_fails(self):
        run = self.keeper("--healthy", properties=HEALTH)
        self.assert_exit(1, run)
        self.assert_verdict(run, "drains-health", "fail", "150 ms is promised")

    VARY = '[[target.vary]]\nname = "workers"\nvalues = ["2", "3"]\n'
    CONFIG = ('config-effective = { setting = "workers", url = "http://127.0.0.1:{port}/config", '
              'expect = { "2" = "workers: 2$", "3" = "workers: 3$" } }')

    def test_a_setting_that_varies_has_its_effect_or_fails(self):
        for options, outcomes in ((("--workers", "{vary.workers}"), {"pass"}),
                                  (("--workers", "{vary.workers}", "--fixed"), {"pass", "fail"})):
            with self.subTest(options=options):
                command = [sys.executable, "{here}/servers/keeper.py", "--port", "{port}", *options]
                clients = HTTP_CLIENT.replace("{port}/", "{port}/put/{id}")
                text = scenario(command, clients=clients, environment=self.VARY, properties=self.CONFIG)
                run = self.run_scenario(text, "--seed", 1, trials=6)
                drawn = [json.loads((run.history(t).parent / "plan.json").read_text())["varied"] for t in range(6)]
                self.assertEqual({"2", "3"}, {d["workers"] for d in drawn})
                self.assertEqual(outcomes, {run.verdict("config-effective", t)["outcome"] for t in range(6)})

    def test_a_setting_that_cannot_be_looked_at_is_unknown(self):
        run = self.keeper("--workers", "{vary.workers}", environment=self.VARY,
                          properties=self.CONFIG.replace("{port}", "{port.other}"))
        self.assert_verdict(run, "config-effective", "unknown", "refused")

    def test_the_last_lines_of_the_log_are_looked_for(self):
        in_file = 'log-complete = { lines = ["^stopped with", "^started"], file = "server.log" }'
        in_output = 'log-complete = { lines = ["^goodbye"] }'
        for properties in (in_file, in_output):
            with self.subTest(properties=properties):
                self.assert_verdict(self.keeper(properties=properties), "log-complete", "pass")
                self.assert_verdict(self.keeper("--silent", properties=properties), "log-complete", "fail",
                                    "no line matches '^")
        missing = in_file.replace("server.log", "no.log")
        self.assert_verdict(self.keeper(properties=missing), "log-complete", "unknown", "no.log")

    def test_resources_are_measured_against_their_bounds(self):
        bounds = 'overhead = { startup = "10s", memory = "60MiB", cpu = 200 }'
        run = self.keeper(properties=bounds)
        self.assert_verdict(run, "overhead", "pass")
        begin, end = run.events("resources_used")
        self.assertEqual(["start", "load"], [begin["phase"], end["phase"]])
        self.assertGreater(begin["memory"], 4 << 20)
        self.assertGreater(end["cpu"], begin["cpu"])
        self.assert_verdict(self.keeper("--hungry", properties=bounds), "overhead", "fail", "bytes of memory")
        slow = self.keeper(properties='overhead = { startup = "1ms" }')
        self.assert_verdict(slow, "overhead", "fail", "ready after")


if __name__ == "__main__":
    unittest.main()
