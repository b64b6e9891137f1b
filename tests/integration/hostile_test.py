"""Servers that are unkind to clients: each trial ends in bounded time and memory, and the history says how each
connection ended."""
import resource
import subprocess
import unittest

from lastcall_cli import PYTHON, SERVERS, LastcallTest, lastcall, scenario


def group(scheme, more=""):
    if scheme in ("wss", "https"):
        more += "verify = false\n"
    return f'[[clients]]\nurl = "{scheme}://127.0.0.1:{{port}}/"\ncount = 3\npace = "5ms"\n{more}'


def hostile(way):
    return [PYTHON, "{here}/servers/hostile.py", way, "{port}"]


# The stop comes late enough that what goes wrong before it has gone wrong.
STOP = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "400ms" }'


# What the clients of a way at some layer speak, and at which of the server's ports.
SCHEMES = {"tcp": {"tcp": "port", "tls": "port.tls", "ws": "port", "http": "port", "wss": "port.tls", "https": "port.tls"},
           "http": {"http": "port", "https": "port.tls"},
           "ws": {"ws": "port", "wss": "port.tls"},
           "tls": {"tls": "port.tls", "wss": "port.tls", "https": "port.tls"}}
RAW = 'message = "{id}"\nack = "{id}"\n'
ENDS = {"finished", "server_closed", "reset", "timeout", "protocol", "harness", "unconnected"}
# Of the largest process of a campaign, bytes: a client may hold one answer of 16 MiB at a time and its copies.
MEMORY_LIMIT = 300 << 20
# Of one trial, seconds: the load, the deadline of the stop and what the clients may take then make 8 on an idle machine.
TRIAL_LIMIT = 40


def ways():
    listed = subprocess.run([PYTHON, SERVERS / "hostile.py", "--list"], capture_output=True, text=True, check=True)
    return [line.split() for line in listed.stdout.splitlines()]


class EveryWay(LastcallTest):
    """Each way of each layer against two clients of every protocol that meets it, in one trial."""

    def meet_all(self, layer):
        names = [name for its_layer, name in ways() if its_layer == layer]
        groups = "".join(f'[[clients]]\nurl = "{scheme}://127.0.0.1:{{{port}}}{"/" * (scheme[0] != "t")}"\ncount = 2\n'
                         f'pace = "5ms"\n{RAW * (scheme[0] == "t")}'
                         for scheme, port in SCHEMES[layer].items())
        stop = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "120ms" }'
        files = [self.write(scenario([*hostile(name), "{port.tls}", "{tls.cert}", "{tls.key}"], clients=groups,
                                     faults=stop), f"{name}.toml") for name in names]
        run = lastcall("run", *files, "--trials", 1, "--jobs", 2, "--keep", "all", "--results", self.folder / "r")
        self.assertIn(run.code, (0, 1, 3), str(run))
        self.assertEqual(len(names), len(run.trials))
        for index, trial in enumerate(run.trials):
            with self.subTest(trial["directory"]):
                self.assertEqual("", trial["result"]["broken"])
                self.check(run.events(trial=index), 2 * len(SCHEMES[layer]))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        self.assertLess(peak, MEMORY_LIMIT)
        return names

    def check(self, events, clients):
        self.assertLess(float(events[-1]["t"]), TRIAL_LIMIT)
        # On a fast machine a flood of pongs outgrows what is kept of control frames, which no checker reads.
        self.assertEqual([], [e for e in events if e["kind"] == "events_lost" and e["source"] != "control frames"])
        begun = {e["connection"]: e["group"] for e in events if e["kind"] == "connect_invoked"}
        ended = {e["connection"]: e["why"] for e in events if e["kind"] == "connection_ended"}
        self.assertGreaterEqual(len(begun), clients)
        self.assertEqual(begun.keys(), ended.keys())
        self.assertLessEqual(set(ended.values()), ENDS)
        self.assertEqual([0], [e["value"] for e in events if e["kind"] == "target_ended"])

    def test_before_any_protocol(self):
        self.meet_all("tcp")

    def test_of_http(self):
        self.meet_all("http")

    def test_of_websocket(self):
        self.meet_all("ws")

    def test_of_tls(self):
        self.meet_all("tls")


class Hostile(LastcallTest):
    def meet(self, way, scheme, serves, kinds, reason="", why=None):
        """Every connection has an end; one of `kinds` with `reason` (and `why`) is among them."""
        run = self.run_scenario(scenario(hostile(way), clients=group(scheme), faults=STOP))
        self.assertIn(run.code, (0, 1, 3), str(run))
        self.assertLess(run.seconds, TRIAL_LIMIT)
        self.assertEqual("", run.trials[0]["result"]["broken"])
        events = run.events()
        begun = {e["connection"] for e in events if e["kind"] == "connect_invoked"}
        ended = {e["connection"] for e in events if e["kind"] == "connection_ended"}
        self.assertGreaterEqual(len(begun), 3)
        self.assertEqual(begun, ended)
        named = [e for e in events if e["kind"] in kinds and (why is None or e.get("why") == why)]
        texts = [e.get("reason", "") + e.get("detail", "") for e in named]
        self.assertTrue(named, events)
        self.assertTrue(any(reason in text for text in texts), texts)
        failed = [e for e in events if e["kind"] == "layer_failed" or e.get("why") == "protocol"]
        self.assertTrue(all(e.get("reason") or e.get("detail") for e in failed), failed)
        self.assertEqual(serves, run.verdict("serves")["outcome"], run.verdict("serves"))
        return run

    def test_silence_until_the_stop_decides_nothing(self):
        for scheme in ("ws", "http"):
            with self.subTest(scheme=scheme):
                self.meet("silent", scheme, "not-applicable", ["connection_ended"], why="server_closed" if scheme == "http"
                          else None)

    def test_closing_at_once_fails_serves(self):
        self.meet("slam", "ws", "fail", ["layer_failed"])
        self.meet("slam", "http", "fail", ["connection_ended"])
        self.meet("slam", "wss", "fail", ["layer_failed"])

    def test_garbage_fails_serves(self):
        self.meet("garbage", "ws", "fail", ["layer_failed"])
        self.meet("garbage", "http", "fail", ["connection_ended"], why="protocol")
        self.meet("garbage", "wss", "fail", ["layer_failed"], "wrong version number")

    def test_an_endless_header_is_cut_at_a_limit_and_fails_serves(self):
        self.meet("endless_header", "http", "fail", ["connection_ended"], "header", why="protocol")
        self.meet("endless_header", "ws", "fail", ["layer_failed"])

    def test_a_frame_of_4_gib_is_not_waited_for_and_fails_serves(self):
        self.meet("huge_frame", "ws", "fail", ["connection_ended"], why="protocol")

    def test_interim_responses_are_no_answers_and_without_end_they_fail_serves(self):
        run = self.meet("continues_and_answers", "http", "pass", ["request_ended"])
        self.assertEqual({200}, {e["status"] for e in run.events("request_ended") if e["end"] != "unknown"})
        self.meet("continue_flood", "http", "fail", ["connection_ended"], "interim responses", why="protocol")

    def test_an_extension_that_nobody_asked_for_fails_serves(self):
        self.meet("upgrade_with_unasked_extension", "ws", "fail", ["layer_failed"], "extension")

    def test_no_answer_to_the_tls_hello_until_the_stop_decides_nothing(self):
        self.meet("silent", "wss", "not-applicable", ["layer_failed"])

    def test_plain_text_on_the_tls_port_fails_serves(self):
        run = self.meet("plain_text", "https", "fail", ["layer_failed"], "wrong version number")
        self.assertIn("got no tls", run.verdict("serves")["reason"])

    def test_data_after_the_close_frame_is_recorded(self):
        run = self.meet("data_after_close", "ws", "pass", ["connection_ended"])
        late = run.events("bytes_after_close")
        self.assertEqual({("websocket", 6)}, {(e["layer"], e["bytes"]) for e in late})

    def test_a_reset_in_the_middle_of_an_answer_fails_serves(self):
        run = self.meet("reset_in_body", "http", "fail", ["connection_ended"], why="reset")
        self.assertIn("were reset", run.verdict("serves")["reason"])

    def test_handshakes_that_take_forever_are_given_up_and_fail_serves(self):
        # Beyond the client's own limit of 20 seconds for all its handshakes.
        faults = STOP.replace("400ms", "21s")
        files = [self.write(scenario(hostile("silent"), clients=group(scheme), faults=faults, budget='load = "30s"'),
                            f"{scheme}.toml") for scheme in ("ws", "wss")]
        results = self.folder / "r"
        run = lastcall("run", *files, "--trials", 1, "--jobs", 2, "--keep", "all", "--results", results)
        self.assert_exit(1, run)
        self.assertLess(run.seconds, 90)
        for trial in range(2):
            self.assertEqual("fail", run.verdict("serves", trial)["outcome"])
            self.assertEqual({"no answer within 20.0 s"}, {e["reason"] for e in run.events("layer_failed", trial)})
            self.assertEqual({"timeout"}, {e["why"] for e in run.events("connection_ended", trial)})


if __name__ == "__main__":
    unittest.main()
