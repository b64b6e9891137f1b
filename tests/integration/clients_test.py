"""Clients of every kind: scripts over tcp and tls, talks, certificates, misbehaviour, coming back."""
import unittest

from lastcall_cli import PYTHON, LastcallTest, scenario

SCRIPT = '''count = {count}
pace = "5ms"
opening = [{{ send = "AUTH {{client}}\\r\\n" }}, {{ expect = "+OK\\r\\n" }}]
message = ["ECHO {{id}}\\r\\n", "ECHO {{id}} again\\r\\n"]
ack = "{{id}}"
closing = "QUIT\\r\\n"
{more}
'''
TLS = ["--cert", "{tls.cert}", "--key", "{tls.key}"]


def lines(*options):
    return [PYTHON, "{here}/servers/lines.py", "--port", "{port}", *options]


def scripted(scheme, more="", count=3):
    return f'[[clients]]\nurl = "{scheme}://127.0.0.1:{{port}}"\n' + SCRIPT.format(more=more, count=count)


def stop_after(acknowledgements):
    return f'[[faults]]\nwhat = "stop"\nwhen = {{ event = "acknowledged", nth = {acknowledgements} }}'


class Clients(LastcallTest):
    def kinds(self, run, kind, key):
        return {e[key] for e in run.events(kind)}

    def test_a_script_over_tcp_is_spoken_and_judged(self):
        run = self.run_scenario(scenario(lines(), clients=scripted("tcp"), faults=stop_after(20)))
        self.assert_exit(0, run)
        self.assertEqual("pass", run.verdict("serves")["outcome"])
        self.assertIn("script", self.kinds(run, "layer_up", "layer"))
        self.assertGreaterEqual(sum(e["end"] == "ok" for e in run.events("request_ended")), 20)

    def test_a_client_that_has_done_its_messages_says_goodbye(self):
        run = self.run_scenario(scenario(lines(), clients=scripted("tcp", "messages = 2\n", 1), faults='[[faults]]\n'
                                         'what = "stop"\nwhen = { phase = "load", at = "1500ms" }'))
        self.assertEqual(["finished"], [e["why"] for e in run.events("connection_ended")])
        self.assertEqual(2, len(run.events("request_ended")), str(run))

    def test_each_behaviour_of_a_mix_shows_up_and_comes_back(self):
        mix = ("steady = 4\nsilent = 1\nslow-reader = 1\nhalf-open = 1\nabort-handshake = 1\nabort-message = 1\n"
               "reset = 1\ngarbage = 1\n").replace("\n", ", ").rstrip(", ")
        clients = scripted("tcp", f'mix = {{ {mix} }}\nmisbehaves = "0ms..20ms"\nreconnect = "5ms..50ms"\n'
                           'source = "127.0.0.0/8"\n', 60)
        run = self.run_scenario(scenario(lines(), clients=clients, faults=stop_after(2000)))
        seen = {how.removesuffix(" (mute)") for how in self.kinds(run, "misbehaved", "how")}
        self.assertEqual({"silent", "slow-reader", "half-open", "abort-handshake", "abort-message", "reset", "garbage"},
                         seen)
        attempts = {e["connection"] for e in run.events("connect_invoked")}
        self.assertTrue(any(not str(a).endswith("/0") for a in attempts), attempts)
        self.assertEqual("pass", run.verdict("clean-exit")["outcome"])

    def test_a_server_that_asks_for_certificates_is_shown_one(self):
        command = lines(*TLS, "--ca", "{tls.client-cert}")
        shows = 'cert = "{tls.client-cert}"\nkey = "{tls.client-key}"\n'
        run = self.run_scenario(scenario(command, clients=scripted("tls", shows), faults=stop_after(40)))
        self.assertEqual("pass", run.verdict("serves")["outcome"], str(run))
        output = [e["line"] for e in run.events("target_output") if e["line"].startswith("shown")]
        self.assertTrue(output and all("'lastcall client'" in line for line in output), output)

    def test_without_a_certificate_such_a_server_serves_nobody(self):
        command = lines(*TLS, "--ca", "{tls.client-cert}")
        run = self.run_scenario(scenario(command, clients=scripted("tls")))
        self.assert_exit(1, run)
        self.assertEqual("fail", run.verdict("serves")["outcome"])

    def test_a_certificate_of_another_authority_is_no_service(self):
        run = self.run_scenario(scenario(lines(*TLS), clients=scripted("tls", 'ca = "{tls.client-cert}"\n')))
        self.assert_exit(1, run)
        self.assertEqual("fail", run.verdict("serves")["outcome"])
        self.assertIn("self-signed certificate", run.verdict("serves")["reason"])

    def test_charge_points_talk(self):
        clients = ('[[clients]]\nurl = "ws://127.0.0.1:{port}/ocpp"\ncount = 3\npace = "2ms"\ntalk = "charge-point"\n'
                   'ping = "10ms"\n')
        run = self.run_scenario(scenario([PYTHON, "{here}/servers/charge_points.py", "{port}"], clients=clients,
                                         faults=stop_after(60)))
        self.assert_exit(0, run)
        called = {e["line"] for e in run.events("target_output") if e["line"].startswith("called")}
        self.assertEqual({"called BootNotification", "called Heartbeat", "called StatusNotification",
                          "called MeterValues"}, called)
        self.assertEqual({(way, pong) for way, pong in (("sent", False), ("received", True))},
                         {(e["direction"], e["pong"]) for e in run.events("control_frame")})
        self.assertEqual("pass", run.verdict("close-handshake")["outcome"])

    def test_clients_of_the_drain_connect_after_the_stop(self):
        clients = scripted("tcp") + ('[[clients]]\nname = "late"\nduring = "drain"\n'
                                     'url = "tcp://127.0.0.1:{port}"\nmessage = ""\n')
        run = self.run_scenario(scenario(lines(), clients=clients))
        events = run.events()
        stop = next(i for i, e in enumerate(events) if e["kind"] == "fault_invoked")
        late = [i for i, e in enumerate(events) if e["kind"] == "connect_invoked" and e["group"] == 1]
        self.assertEqual(1, len(late), str(run))
        self.assertGreater(late[0], stop)


if __name__ == "__main__":
    unittest.main()
