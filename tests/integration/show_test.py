"""`lastcall show` tells a campaign and a trial in the terminal: fits its width, prints nothing that steers the terminal, and
follows a campaign while it runs."""
import re
import subprocess
import unittest

from lastcall_cli import LASTCALL, LastcallTest, lastcall, scenario, serve, until


class Show(LastcallTest):
    def show(self, *options, code=0):
        run = lastcall("show", *options)
        self.assert_exit(code, run)
        return run.out

    def hanging(self):
        # What it prints would clear a terminal.
        words = ["sh", "-c", 'printf "\\033[2Jdanger\\n"; exec "$0" "$@"', *serve("--at-stop", "hang")]
        run = self.run_scenario(scenario(words))
        self.assert_exit(1, run)
        return run.results

    def test_a_trial_is_told_in_any_width(self):
        results = self.hanging()
        for width in (40, 80, 200):
            for full in ([], ["--full"]):
                text = self.show(results, 1, "--width", width, *full)
                body = text.split("Run it again")[0]
                self.assertLessEqual(max(map(len, body.splitlines())), width)
                self.assertNotIn("\x1b", text)
        self.assertRegex(text, r"SIGTERM came, .* into the load, with 1 connection up\.")
        self.assertIn("It was still running at the deadline", text)
        self.assertRegex(text, r"fail deadline\n +still running")
        self.assertIn("fail clean-exit, as a consequence of deadline", text)
        self.assertRegex(text, r"\+\d\.\d{6} s .*SIGTERM to process|SIGTERM to process")
        self.assertIn("?[2Jdanger", text)
        self.assertIn("SIGTERM to the target, at the 5th event \"acknowledged\" of all clients", text)
        self.assertIn(f"lastcall replay {results}/trials/", text)

    def test_a_campaign_lists_the_trials_to_look_at(self):
        results = self.hanging()
        text = self.show(results)
        self.assertRegex(text, r"deadline +fail +0 +1 ")
        self.assertRegex(text, r"(?m)^  trial 1: failed clean-exit, deadline.*, ended after .*, trials/\S+$")
        self.assertIn(f"lastcall show {results} 1", text)

    def test_a_trial_that_was_not_kept_is_named_with_a_remedy(self):
        run = self.run_scenario(scenario(serve()), keep="failed")
        self.assert_exit(0, run)
        told = lastcall("show", run.results, 1)
        self.assert_exit(2, told)
        self.assertIn("--keep all", told.err)
        told = lastcall("show", run.results, 7)
        self.assert_exit(2, told)
        self.assertIn("trial 7", told.err)
        self.assert_exit(2, lastcall("show", self.folder))

    def test_a_campaign_is_followed_while_it_runs(self):
        results = self.folder / "followed"
        campaign = self.start("run", self.write(scenario(serve())), "--trials", 3, "--results", results)
        self.assertTrue(until(lambda: (results / "trials.jsonl").exists(), 20))
        text = self.show(results, "--follow")
        self.assertEqual(0, campaign.wait(60))
        self.assertEqual(["1", "2", "3"], re.findall(r"(?m)^  trial (\d): passed, ended after", text))
        self.assertIn("3 of 3 trials", text)

    def test_a_campaign_that_was_killed_is_shown_as_such(self):
        results = self.hanging()
        (results / "report.json").unlink()
        text = self.show(results)
        self.assertIn("still runs, or was killed", text)
        self.assertRegex(text, r"deadline +fail +0 +1 ")

    def test_watching_ends_at_an_interrupt(self):
        results = self.hanging()
        (results / "report.json").unlink()
        watcher = subprocess.Popen([LASTCALL, "show", results, "--follow"], stdout=subprocess.PIPE, text=True)
        self.assertIn("trial 1", watcher.stdout.readline())
        watcher.send_signal(2)
        self.assertEqual(130, watcher.wait(20))
        watcher.stdout.close()


if __name__ == "__main__":
    unittest.main()
