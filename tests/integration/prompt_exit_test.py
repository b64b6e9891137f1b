"""prompt-exit: waits for a time that hold up the end are found and named; work, obligations and a busy machine are not
taken for them."""
import contextlib
import json
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from budget import LIMIT
from lastcall_cli import LASTCALL, PYTHON, LastcallTest, lastcall, scenario

# All of them are gone soon after the stop; those that are idle stay until the server's exit.
BUSY = '[[clients]]\nurl = "http://127.0.0.1:{port}/"\ncount = 3\npace = "5ms"\n'
IDLE = '[[clients]]\nurl = "http://127.0.0.1:{port}/"\ncount = 2\npace = "1h"\n'
SLOW = '[[clients]]\nurl = "http://127.0.0.1:{port}/slow"\ncount = 2\n'
STOP = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "100ms..200ms" }\n'
TRIALS = 6

NODE = """
const server = require('http').createServer((question, answer) => setTimeout(() => answer.end('ok'), 20));
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => server.close());
"""
# Its http.Server.Shutdown looks at its connections after 1, 2, 4, … ms, up to 500.
GO = """
[[clients]]
url = "http://127.0.0.1:{port}/echo"
count = 2
pace = "1ms..5ms"
message = "{id}"
[[clients]]
url = "http://127.0.0.1:{port}/slow"
count = 4
pace = "1ms..5ms"
message = "{id}"
"""


def idler(way, ms=0):
    return [PYTHON, "{here}/servers/idler.py", "--port", "{port}", "--way", way, "--ms", ms]


class PromptExit(LastcallTest):
    @classmethod
    def setUpClass(cls):
        may = next(f for f in json.loads(lastcall("doctor", "--json").out) if f["what"] == "ptrace")
        if not may["good"]:
            raise unittest.SkipTest(may["detail"])

    def campaign(self, command, clients=BUSY, environment="untraced_every = 0", **parts):
        """Another one if lastcall itself was held up in too many trials."""
        text = scenario(command, clients=clients, faults=STOP, environment=environment, **parts)
        for _ in range(LIMIT):
            run = self.run_scenario(text, trials=TRIALS)
            found = next(p for p in run.report["scenarios"][0]["properties"] if p["name"] == "prompt-exit")
            if not (found["why_not_judged"] or "").startswith("measured in "):
                break
        return run, found

    def assert_found(self, command, reason, **parts):
        run, found = self.campaign(command, **parts)
        self.assertEqual("fail", found["verdict"], str(run))
        self.assertRegex(found["first_reason"], reason)
        return run

    def assert_silent(self, command, **parts):
        run, found = self.campaign(command, **parts)
        self.assertEqual("pass", found["verdict"], str(run))
        return run

    def test_a_flag_that_is_polled(self):
        self.assert_found(idler("flag", 500), r"^the main thread \(\S+, \d+\) was still in clock_nanosleep\([\d.]+ ms\), begun "
                          r"before the stop signal, and went on only when it was over, [\d.]+ ms later: a flag that is polled, or "
                          r"a fixed sleep(, in .*)?; such waits held the exit up for more than 40 ms in \d of \d traced trials",
                          clients=BUSY + IDLE)

    def test_a_fixed_sleep(self):
        self.assert_found(idler("sleep", 400), r"\) (was still in|began) clock_nanosleep\((39|4\d)\d ms\)(, begun before| after) ",
                          clients=BUSY + IDLE)

    def test_a_time_out_of_poll(self):
        self.assert_found(idler("poll", 200), r"\) (was still in|began) poll\(200 ms\)(, begun before| after) its last connection was gone")

    def test_a_time_out_of_a_condition(self):
        self.assert_found(idler("condition", 300), r"\) (was still in|began) futex\((300|2\d\d) ms\)(, begun before| after) its last "
                          "connection was gone")

    def test_who_leaves_at_once_is_not_blamed(self):
        self.assert_silent(idler("leave"), clients=BUSY + IDLE)

    def test_a_busy_machine_is_nobodys_idling(self):
        with contextlib.ExitStack() as ended:
            for _ in range(2):
                loop = ended.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
                ended.callback(loop.kill)
            self.assert_silent(idler("leave"))

    def test_an_open_request_is_an_obligation_until_the_server_cuts_it(self):
        run = self.assert_silent(idler("limit", 300), clients=SLOW)
        for trial in run.trials:  # a busy machine may leave it some milliseconds, of 300
            self.assertLess(trial["result"]["idle_tail_ns"], 50_000_000)
            self.assertLess(trial["result"]["idle_waits"]["ns"], 50_000_000)

    def test_time_at_work_is_no_idling(self):
        run = self.assert_silent(idler("work", 200), properties='prompt-exit = { within = "100ms" }')
        self.assertGreaterEqual(sum(e["nanoseconds"] for e in run.events("processor_used")), 150_000_000)

    def test_a_bound_is_one_on_idle_time(self):
        self.assert_found(idler("sleep", 200), r"^the main thread \(\w+, \d+\) .*; idle longer than 100 ms in \d of \d trials; idle",
                          properties='prompt-exit = { within = "100ms" }')

    def test_untraced_it_is_a_number(self):
        run, found = self.campaign(idler("sleep", 100), environment="trace = false\n")
        self.assertEqual("not-applicable", found["verdict"], str(run))
        self.assertRegex(found["why_not_judged"], "^how the target waited was seen in 0 trials, .*; idle time before the exit: ")

    @unittest.skipUnless(shutil.which("node"), "no node here")
    def test_node_that_closes_its_server_is_not_blamed(self):
        self.assert_silent(["node", "-e", NODE, "unused", "{port}"], clients=IDLE)

    @unittest.skipUnless((Path(shutil.which(LASTCALL) or LASTCALL).resolve().parent / "gateway_go").exists(), "no Go here")
    def test_go_that_polls_less_and_less_often_is_not_blamed(self):
        self.assert_silent(["gateway_go", "--port", "{port}", "--defect", "recovered_panic", "--fixed"], clients=GO,
                           ready='url = "http://127.0.0.1:{port}/health"')


if __name__ == "__main__":
    unittest.main()
