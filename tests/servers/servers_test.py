"""Servers that stop as they should: not one trial may fail or be unknown. LASTCALL_TRIALS: how many of each."""
import os
import tempfile
import unittest

from lastcall_cli import SOURCE, lastcall

TRIALS = int(os.environ.get("LASTCALL_TRIALS", "20"))


class Servers(unittest.TestCase):
    def assert_holds(self, scenario):
        with tempfile.TemporaryDirectory() as folder:
            run = lastcall("run", SOURCE / "scenarios" / scenario, "--trials", TRIALS, "--results", f"{folder}/r")
            reasons = [(t["trial"], v["property"], v["outcome"], v["reason"]) for t in run.trials
                       for v in t["result"]["verdicts"] if v["outcome"] in ("fail", "unknown")]
            self.assertEqual([], reasons, str(run))
            self.assertEqual(0, run.code, str(run))
            self.assertEqual(TRIALS, len(run.trials))
            for summary in run.report["scenarios"][0]["properties"]:
                if summary["required"]:
                    self.assertGreater(summary["judged"], 0, summary)

    def test_nginx_fast(self):
        self.assert_holds("nginx/fast.toml")

    def test_nginx_graceful(self):
        self.assert_holds("nginx/graceful.toml")

    def test_ws_of_node(self):
        self.assert_holds("ws/stop.toml")

    def test_reference_server(self):
        self.assert_holds("reference/stop.toml")

    def test_reference_server_with_two_signals(self):
        self.assert_holds("reference/double_signal.toml")


if __name__ == "__main__":
    unittest.main()
