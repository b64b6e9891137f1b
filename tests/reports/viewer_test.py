"""report.html in Debian's Chromium: made from a real campaign with failures of seven kinds, of an earlier one and of a gate,
looked at by viewer_checks.mjs. Pictures of each view stay in the build directory, below screenshots/."""
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from lastcall_cli import SOURCE, LastcallTest, lastcall, scenario, serve

HOSTILE = "</script><script>window.hostile=1</script><!--\u2028<img src=x onerror=window.hostile=1>"
NAMED = '[[clients]]\nname = "<b>x</b>"\nurl = "http://127.0.0.1:{port}/"\npace = "5ms"\ncount = 4\n'


class Viewer(LastcallTest):
    def scenarios(self):
        planted = SOURCE / "scenarios"
        hostile = ["sh", "-c", 'echo "$1"; shift; exec "$@"', "sh", HOSTILE, *serve("--code", 3)]
        return [
            planted / "traced" / "mutex_cycle.toml",
            self.write(scenario(serve("--at-stop", "hang"), clients=NAMED), "hang.toml"),
            self.write(scenario(serve("--at-stop", "abort")), "abort.toml"),
            self.write(scenario(serve("--leave")), "leave.toml"),
            self.write(scenario(hostile, clients=NAMED), "<img src=x onerror=hostile=1>.toml"),
            planted / "defects" / "cut.toml",
            planted / "traced" / "write_after_close.toml",
        ]

    def test_the_page_does_what_it_should(self):
        results = self.folder / "results"
        store = self.folder / "all.sqlite"
        scenarios = self.scenarios()
        self.assert_exit(1, lastcall("run", *scenarios[1:3], "--trials", 1, "--jobs", 2, "--store", store, "--results",
                                     self.folder / "earlier"))
        run = lastcall("run", *scenarios, "--trials", 2, "--jobs", 4, "--store", store, "--results", results)
        self.assert_exit(1, run)
        # The trend is there at once, the gate if a policy is named.
        self.assertIn('"trend":[[1,1]]', (results / "report.html").read_text())
        policy = self.write('[gate]\n[[known]]\nproperty = "deadline"\nscenario = "hang.toml"\nuntil = "9999-12-31"\n'
                            'link = "https://bugs/<b>7</b>"\n', "gate.toml")
        self.assert_exit(0, lastcall("report", results, "--format", "html", "--policy", policy, "--store", store))
        shots = Path(os.environ["LASTCALL_BUILD"]) / "screenshots"
        shutil.rmtree(shots, ignore_errors=True)
        shots.mkdir()
        shutil.copy(results / "report.html", shots)
        checks = subprocess.run(
            ["node", "--test", "--test-reporter=spec", SOURCE / "tests" / "reports" / "viewer_checks.mjs"], text=True,
            capture_output=True, timeout=240, env={**os.environ, "LASTCALL_PAGE": str(shots / "report.html"), "LASTCALL_SHOTS": str(shots)})
        print(checks.stdout)
        self.assertEqual(0, checks.returncode, checks.stdout + checks.stderr)


if __name__ == "__main__":
    unittest.main()
