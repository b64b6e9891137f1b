"""Processes next to the target: there when it starts, gone after it, and never judged."""
import json
import os
import signal
import unittest

from lastcall_cli import PYTHON, LastcallTest, processes, scenario, serve, until
from own_processes import command

LATER = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "200ms" }\n'
SERVE = [PYTHON, "{here}/servers/serve.py", "--port", "{port.side}"]


def parent(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


class Sidecars(LastcallTest):
    def sidecar(self, name="side", command=(), ready='log = "^ready"', more=""):
        """The table of one; by default the small server, on a port of its own."""
        key, value = self.mark.split("=")
        return (f'[[sidecars]]\nname = "{name}"\ncommand = {json.dumps([str(w) for w in command or SERVE])}\n'
                f'environment = {{ {key} = "{value}" }}\nready = {{ {ready} }}\n{more}\n')

    def beside(self, *sidecars, options=(), faults=LATER, **parts):
        environment = "\n".join([parts.pop("environment", ""), *sidecars])
        run = self.run_scenario(scenario(serve(*options), faults=faults, environment=environment, **parts))
        self.assert_nobody_is_left(5)
        return run

    def seen(self, run, name="side"):
        return [e["what"] for e in run.events("sidecar_seen") if e["name"] == name]

    def test_are_ready_before_the_target_starts_and_end_after_it(self):
        other = self.sidecar("other", ready='port = "{port.other}"',
                             command=[*SERVE[:-1], "{port.other}", "--ready-by", "port"])
        run = self.beside(self.sidecar(), other)
        self.assert_exit(0, run)
        news = [(e["name"], e["what"]) if e["kind"] == "sidecar_seen" else e["kind"] for e in run.events()
                if e["kind"] in ("sidecar_seen", "target_started", "target_ended") and e.get("what") != "output"]
        self.assertEqual([("side", "started"), ("side", "ready"), ("other", "started"), ("other", "ready"),
                          "target_started", "target_ended", ("other", "ended"), ("side", "ended")], news)
        self.assertIn("ready", [e["text"] for e in run.events("sidecar_seen")])

    def test_are_none_of_the_target(self):
        # A daemon, a traceback, a port that stays bound, a socket in its own folder: nobody's but the sidecar's.
        script = ("import socket, sys\n"
                  "socket.socket(socket.AF_UNIX).bind(sys.argv.pop() + '/own.sock')\n"
                  "exec(open(sys.argv.pop(1)).read())\n")
        command = [PYTHON, "-c", script, SERVE[1], *SERVE[2:], "--leave", "--say", "logged-error", "{sidecar.side}"]
        run = self.beside(self.sidecar(command=command), properties='released = "strict"')
        self.assert_exit(0, run)
        self.assertEqual("pass", run.verdict("no-panic")["outcome"])
        self.assertEqual("pass", run.verdict("released")["outcome"])
        self.assertEqual([""], [e["name"] for e in run.events("port_probed")])
        self.assertIn("ValueError: invalid literal for int() with base 10: 'none'",
                      [e["text"] for e in run.events("sidecar_seen")])
        self.assertTrue((run.history().parent / "sidecar-side" / "own.sock").exists())

    def test_do_not_hide_what_the_target_leaves(self):
        run = self.beside(self.sidecar(), options=["--leave"], environment=self.marked_environment())
        self.assert_exit(1, run)
        self.assertEqual("fail", run.verdict("released")["outcome"])

    def test_are_not_told_what_the_targets_tree_is_told(self):
        faults = ('[[faults]]\nwhat = "signal"\nsignal = "SIGUSR1"\nto = "tree"\n'
                  'when = { phase = "load", at = "100ms" }\n' + LATER)
        run = self.beside(self.sidecar(), faults=faults)
        self.assert_exit(0, run)
        self.assertTrue(any("SIGUSR1" in e["line"] for e in run.events("target_output")))
        self.assertFalse(any("SIGUSR1" in e["text"] for e in run.events("sidecar_seen")))

    def test_and_the_target_know_each_others_ports_and_folders(self):
        show = "echo $0 $PWD $HOME; trap 'exit 0' TERM; sleep 60 & wait"
        run = self.beside(self.sidecar(command=["sh", "-c", show, "{port}-{port.side}-{sidecar.side}"],
                                       ready='log = "-"', more='directory = "tmp"'),
                          environment='environment = { SIDE = "{sidecar.side}:{port.side}" }')
        self.assert_exit(0, run)
        words = next(e["text"] for e in run.events("sidecar_seen") if e["what"] == "output").split()
        port, own, folder = words[0].split("-", 2)
        self.assertNotEqual(port, own)
        self.assertTrue(words[1].endswith("/sidecar-side/tmp"), words)
        self.assertEqual(folder, words[2])

    def test_that_never_get_ready_are_trouble_of_the_environment(self):
        run = self.beside(self.sidecar(command=["sh", "-c", "echo cannot find the disk; sleep 60"],
                                       ready='log = "^ready", timeout = "300ms"'))
        self.assert_exit(3, run)
        reason = ('the target could not be started: sidecar "side": it was not ready within 300 ms, waiting for log '
                  '"^ready"; its last words: cannot find the disk')
        self.assertEqual({"unknown"}, set(run.outcomes().values()))
        self.assertEqual({reason}, {v["reason"] for v in run.trials[0]["result"]["verdicts"]})
        self.assertEqual([], run.events("target_started"))
        self.assertEqual("failed", self.seen(run)[-2])

    def test_that_end_or_are_not_there_too(self):
        for command, reason in ((["sh", "-c", "echo no license; exit 3"],
                                 "it ended (exit 3) before it was ready; its last words: no license"),
                                (["no-such-command-of-anybody"], "no-such-command-of-anybody")):
            with self.subTest(command=command):
                run = self.beside(self.sidecar(command=command))
                self.assert_exit(3, run)
                self.assertEqual({"unknown"}, set(run.outcomes().values()))
                self.assertIn('the target could not be started: sidecar "side": ', run.verdict("serves")["reason"])
                self.assertIn(reason, run.verdict("serves")["reason"])

    def test_that_die_meanwhile_are_not_the_targets_fault(self):
        dies = ["sh", "-c", "echo ready; sleep 0.2; echo out of luck; kill -9 $$"]
        run = self.beside(self.sidecar(command=dies), options=["--code", 5],
                          faults=LATER.replace("200ms", "600ms"))
        self.assert_exit(3, run)
        reason = run.verdict("clean-exit")["reason"]
        self.assertIn("exit 5", reason)
        self.assertIn('sidecar "side": it ended (SIGKILL) while it was needed; its last words: out of luck', reason)
        self.assertNotIn("pass", run.outcomes().values())

    def test_that_ignore_their_signal_are_killed(self):
        deaf = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]
        run = self.beside(self.sidecar(command=deaf))
        self.assert_exit(0, run)
        self.assertIn("SIGKILL", [e["text"] for e in run.events("sidecar_seen") if e["what"] == "ended"])

    def test_are_there_for_the_restart(self):
        clients = '[[clients]]\nurl = "http://127.0.0.1:{port}/put/{id}"\nmessages = 5\npace = "5ms"\n'
        recovery = '[target.recovery]\nask = { url = "http://127.0.0.1:{port}/has/{id}" }\n'
        command = [PYTHON, "{here}/servers/keeper.py", "--port", "{port}"]
        run = self.run_scenario(scenario(command, clients=clients, faults=LATER.replace("200ms", "500ms"),
                                         environment=recovery + self.sidecar()))
        self.assert_exit(0, run)
        kinds = [e["kind"] + e.get("what", "") for e in run.events()]
        self.assertGreater(kinds.index("sidecar_seenended"), kinds.index("recovery_ended"))

    def test_are_gone_when_lastcall_or_their_keeper_is_killed(self):
        text = scenario(serve(), environment=self.sidecar(command=[*SERVE, "--leave"]), budget='load = "60s"',
                        faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "50s" }\n')
        for victim in ("lastcall", "keeper"):
            with self.subTest(victim=victim):
                run = self.start("run", self.write(text), "--trials", 1, "--results", self.folder / f"r-{victim}")
                self.assertTrue(until(lambda: self.pids_of(b"sleep\x00987"), 20), "no daemon was started")
                if victim == "lastcall":
                    run.kill()
                else:
                    os.kill(parent(self.pids_of(b"--leave")[0]), signal.SIGKILL)
                    self.assertTrue(until(lambda: not self.pids_of(b"sleep\x00987"), 10), "the daemon lives on")
                    run.send_signal(signal.SIGINT)
                    run.send_signal(signal.SIGINT)
                run.wait(30)
                self.assert_nobody_is_left(10)

    def pids_of(self, words):
        return [pid for pid in processes(self.mark) if words in command(pid)]


if __name__ == "__main__":
    unittest.main()
