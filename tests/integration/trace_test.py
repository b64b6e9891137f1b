"""`trace = true`: the target behaves as untraced, and the history says which signals its tree took and who sent them,
which thread called exit, and how every process ended."""
import json
import subprocess
import unittest

from lastcall_cli import HTTP_CLIENT, LastcallTest, PYTHON, SOURCE, lastcall, processes, scenario, serve, until

TRACED = "trace = true"
# Two workers below it: one ends by an exit code of its own at the stop, one by an abort.
FAMILY = """
import os, signal, sys
def work(end):
    signal.sigwait([signal.SIGTERM])
    end()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
pids = []
for end in (lambda: os._exit(7), os.abort):
    pid = os.fork()
    if pid == 0: work(end)
    pids.append(pid)
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
for pid in pids: os.kill(pid, signal.SIGTERM)
for pid in pids: os.waitpid(pid, 0)
"""

# Leaves a descriptor open with every answer, if it is told to.
LEAK = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if "%s" == "leak": os.dup(2)
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("ready", flush=True)
server.serve_forever()
"""

# Eight threads use null thousands of times: for the JVM a SIGSEGV each, until it compiles the method again.
JAVA = """
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

public class Server {
  static int length(String text) {
    try { return text.length(); } catch (NullPointerException e) { return 0; }
  }
  public static void main(String[] arguments) throws Exception {
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.createContext("/", exchange -> {
      int sum = 0;
      for (int i = 0; i < 2000; ++i) sum += length(i % 3 == 0 ? null : "x");
      byte[] body = Integer.toString(sum).getBytes();
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
    System.out.println("ready");
  }
}
"""


class Trace(LastcallTest):
    @classmethod
    def setUpClass(cls):
        may = next(f for f in json.loads(lastcall("doctor", "--json").out) if f["what"] == "ptrace")
        if not may["good"]:
            raise unittest.SkipTest(may["detail"])

    def traced(self, command, **parts):
        return self.run_scenario(scenario(command, environment=TRACED, **parts))

    def test_what_a_stop_leaves_in_the_history(self):
        run = self.traced(serve())
        self.assert_exit(0, run)
        kinds = [event["kind"] for event in run.events()]
        self.assertNotIn("trace_failed", kinds)
        self.assertLess(kinds.index("trace_began"), kinds.index("target_ready"))
        self.assertLess(kinds.index("filters_woke"), kinds.index("target_ended"))
        if run.events("trace_began")[0]["asleep"]:
            self.assertGreater(kinds.index("filters_woke"), kinds.index("target_ready"))
        [taken] = run.events("signal_taken")
        self.assertEqual((15, False), (taken["signal"], taken["fatal"]))
        self.assertIn("lastcall", taken["command"])
        [called] = run.events("exit_called")
        [ended] = run.events("process_ended")
        self.assertEqual((0, "exited", 0), (called["code"], ended["how"], ended["value"]))
        self.assertEqual(called["pid"], ended["pid"])
        self.assertIn("serve.py", ended["command"])

    def test_an_error_that_ended_a_child_is_not_taken_for_logged(self):
        run = self.traced(serve("--say", "childs-error"), properties='no-panic = { logged = "warn" }')
        verdict = run.verdict("no-panic")
        self.assertEqual("fail", verdict["outcome"], verdict)
        self.assertRegex(verdict["reason"], r"ValueError: a worker's, in speak \(.*\), in process \d+ \(")
        self.assertNotIn("went on", verdict["reason"])

    def test_how_each_process_of_a_family_ended_and_who_told_it(self):
        run = self.traced([PYTHON, "-c", FAMILY], clients="")
        ends = {(event["how"], event["value"]) for event in run.events("process_ended")}
        self.assertEqual({("exited", 0), ("exited", 7), ("signalled", 6)}, ends)
        self.assertNotIn("", [event["command"] for event in run.events("process_ended")])
        parent = run.events("target_started")[0]["pid"]
        aborted = [event for event in run.events("signal_taken") if event["signal"] == 6]
        # Python's faulthandler writes down what happened, and sends the signal again.
        self.assertEqual([False, True], [event["fatal"] for event in aborted])
        self.assertNotEqual(parent, aborted[0]["pid"])

    def test_a_crash_says_where(self):
        run = self.traced([PYTHON, "-c", "import ctypes; ctypes.string_at(4096)"], ready='log = "never"')
        first, again = [event for event in run.events("signal_taken") if event["signal"] == 11]
        self.assertEqual((4096, 0, False), (first["address"], first["sender"], first["fatal"]))
        self.assertTrue(again["fatal"])
        self.assertRegex(run.verdict("no-panic")["reason"],
                         r"ended by SIGSEGV, at address 0x1000, where nothing is mapped, in thread \S+ \(\d+\) in ")

    def test_an_exit_that_nobody_asked_for_has_a_caller(self):
        code = ("import os, threading, time\nprint('ready', flush=True)\n"
                "give_up = lambda: (time.sleep(0.02), os._exit(3))\n"
                "threading.Thread(target=give_up).start()\ntime.sleep(9)")
        run = self.traced([PYTHON, "-c", code], faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "2s" }')
        [called] = run.events("exit_called")
        self.assertNotEqual(called["pid"], called["tid"])
        self.assertRegex(run.verdict("clean-exit")["reason"],
                         rf"^ended before it was told to: exit 3, called by \S+ \({called['tid']}\) in the Python "
                         "interpreter")
        [stacks] = run.events("stacks_taken")
        self.assertEqual((called["pid"], "exit"), (stacks["pid"], stacks["at"]))

    def test_a_deadlock_is_not_waited_out(self):
        run = self.run_scenario((SOURCE / "scenarios" / "traced" / "mutex_cycle.toml").read_text())
        self.assertRegex(run.verdict("deadline")["reason"], r"^never ends after SIG\w+: deadlock of 2 threads: ")
        self.assertEqual([], run.events("deadline_passed"))

    def test_what_keeps_node_alive_is_named(self):
        code = ("const server = require('http').createServer((q, r) => r.end('ok'));"
                "server.listen({port}, '127.0.0.1', () => console.log('ready'));"
                "process.on('SIGTERM', () => 0)")
        run = self.traced(["node", "-e", code])
        self.assertRegex(run.verdict("deadline")["reason"], r"Node's event loop is kept alive by .*1 listener at 127\.0\.0\.1:\d+")

    def test_a_jvm_faults_on_purpose(self):
        (self.folder / "Server.java").write_text(JAVA)
        subprocess.run(["javac", "Server.java"], cwd=self.folder, check=True)
        run = self.traced(["java", "-cp", self.folder, "Server", "{port}"], stop=", exit = 143", clients=HTTP_CLIENT + "count = 8\n",
                          faults='[[faults]]\nwhat = "stop"\nwhen = { event = "acknowledged", nth = 20 }',
                          properties='in-flight-finished = { judge = false, why = "it does not wait for its answers" }')
        self.assert_exit(0, run)
        self.assertTrue([event for event in run.events("signal_taken") if event["signal"] == 11])
        for name in ("serves", "clean-exit", "deadline", "no-masked-panic"):
            self.assertEqual("pass", run.verdict(name)["outcome"], name)

    def test_what_grows_with_every_answer_is_not_released(self):
        faults = '[[faults]]\nwhat = "stop"\nwhen = { event = "acknowledged", nth = 130 }'
        for how, outcome in (("leak", "fail"), ("keep", "pass")):
            run = self.traced([PYTHON, "-c", LEAK % how, "{port}"], faults=faults,
                              properties='[properties.released]\nstrict = true\nallow = ["listens*", "accepted*"]')
            verdict = run.verdict("released")
            self.assertEqual(outcome, verdict["outcome"], verdict)
            self.assertEqual(how == "leak", "descriptors grew from" in verdict["reason"], verdict)

    def test_a_pause_is_a_pause(self):
        run = self.traced(serve(), faults='[[faults]]\nwhat = "pause"\nfor = "100ms"\nwhen = { phase = "load", at = "10ms" }\n'
                          '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "300ms" }')
        self.assert_exit(0, run)

    def test_a_killed_lastcall_leaves_nothing(self):
        text = scenario(serve("--leave"), environment=f"{TRACED}\n{self.marked_environment()}",
                        faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "300ms" }')
        run = self.start("run", self.write(text), "--trials", 1000, "--jobs", 2, "--keep", "none", "--results",
                         self.folder / "r")
        self.assertTrue(until(lambda: len(processes(self.mark)) > 4, 20), "no target was started")
        run.kill()
        run.wait()
        self.assert_nobody_is_left(15)

    def test_what_tracing_hides_shows_in_every_fourth_trial(self):
        hidden = 'grep -q "TracerPid:.0$" /proc/self/status && exec "$@" --code 5; exec "$@"'
        run = self.run_scenario(scenario(["sh", "-c", hidden, "sh", *serve()]), trials=4)
        self.assert_exit(1, run)
        self.assertEqual([True, True, True, False], [trial["result"]["traced"] for trial in run.trials])
        self.assertEqual(["pass"] * 3 + ["fail"], [run.verdict("clean-exit", trial)["outcome"] for trial in range(4)])
        self.assertIn(": 4 of 4 trials, 1 of them untraced\n", run.out)
        self.assertRegex(run.out, "clean-exit .* fails only untraced: 1 of 1 untraced, 0 of 3 traced\n")
        self.assertEqual(1, run.report["scenarios"][0]["untraced"])
        self.assertIn("4 of 4 trials were run, 1 of them untraced.", (run.results / "report.md").read_text())
        kept = [run.history(trial).parent for trial in range(4)]
        plans = [json.loads((folder / "plan.json").read_text()) for folder in kept]
        self.assertEqual([None, None, None, False], [plan.get("traced") for plan in plans])
        self.assertEqual([[], 1], [run.events("trace_began", 3), len(run.events("trace_began", 2))])
        again = lastcall("replay", kept[3], "--times", 2, "--results", self.folder / "again")
        self.assertIn("failed 2 of 2 replays", again.out)
        self.assertIn("failed 0 of 2 replays", lastcall("replay", kept[2], "--times", 2).out)

    def test_an_untraced_trial_leaves_nothing_open(self):
        allow = '[properties.released]\nstrict = true\nallow = ["listens*", "accepted*"]'
        run = self.run_scenario(scenario(serve(), environment="untraced_every = 2", properties=allow), trials=2)
        self.assert_exit(0, run)
        self.assertEqual(("not-applicable", "this trial ran untraced (untraced_every)"),
                         tuple(run.verdict("no-masked-panic", 1)[key] for key in ("outcome", "reason")))
        self.assertEqual("pass", run.verdict("released", 1)["outcome"])
        self.assertNotIn("unknown", run.outcomes(1).values())

    def test_a_target_that_traces_itself_is_told(self):
        # PTRACE_TRACEME of one that is traced fails with EPERM, ptrace(2); without the tracer it does not.
        code = ("import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); "
                "print('result', libc.ptrace(0, 0, 0, 0), ctypes.get_errno(), flush=True); os._exit(0)")
        for trace, said in ((TRACED, "result -1 1"), ("trace = false", "result 0 0")):
            run = self.run_scenario(scenario([PYTHON, "-c", code], environment=trace, ready='log = "never"'))
            self.assertIn(said, [event["line"] for event in run.events("target_output")])


if __name__ == "__main__":
    unittest.main()
