"""Faults of the network and clients that are made to go away: the target got it, the client got it, and the history
says whose connection it was."""
import unittest

from lastcall_cli import PYTHON, LastcallTest, scenario

GROUP = '[[clients]]\nurl = "{scheme}://127.0.0.1:{{port}}/"\npace = "5ms"\nproxy = {proxy}\ncount = {count}\n'
STOP = '[[faults]]\nwhat = "stop"\nwhen = {{ phase = "load", at = "{at}" }}\n'
EARLY = '{ phase = "load", at = "80ms" }'

# The first connection is lastcall's own: as the target says READY=1 it tries the port.
PROBE = "0"

class Network(LastcallTest):
    def disturb(self, fault, when=EARLY, *, count=2, scheme="http", proxy="true", stop="400ms", options=()):
        command = [PYTHON, "{here}/servers/hears.py", "{port}"]
        if scheme == "https":
            command += ["{tls.cert}", "{tls.key}"]
        faults = f"[[faults]]\n{fault}\nwhen = {when}\n" + STOP.format(at=stop)
        run = self.run_scenario(scenario(command, clients=GROUP.format(scheme=scheme, proxy=proxy, count=count),
                                         faults=faults), *options)
        self.assertIn(run.code, (0, 1, 3), str(run))
        self.assertEqual("", run.trials[0]["result"]["broken"])
        self.assertEqual([], run.events("fault_not_reached") + run.events("events_lost"))
        begun = {e["connection"] for e in run.events("connect_invoked")}
        self.assertEqual(begun, {e["connection"] for e in run.events("connection_ended")})
        return run

    def network(self, action, more="", **how):
        return self.disturb(f'what = "network"\naction = "{action}"\n{more}', **how)

    def hit(self, run):
        """The first time each connection was disturbed."""
        return {e["connection"]: e for e in reversed(run.events("network_disturbed"))}

    def said(self, run, word, after=0.0):
        """What the target said: (time, number of its connection, bytes)."""
        lines = [(float(e["t"]), e["line"].split()) for e in run.events("target_output")]
        return [(t, words[1], int(words[2])) for t, words in lines if words[0] == word and words[1] != PROBE and t > after]

    def test_without_a_fault_the_proxy_changes_nothing(self):
        for scheme in ("http", "https"):
            with self.subTest(scheme=scheme):
                run = self.network("delay", 'for = "0ms"\npercent = 1', when='{ phase = "load", at = "390ms" }',
                                   scheme=scheme)
                answered = [e for e in run.events("request_ended") if e["end"] == "ok"]
                self.assertGreater(len(answered), 10)
                self.assertEqual("pass", run.verdict("serves")["outcome"], run.verdict("serves"))

    def test_delay_lets_the_target_hear_every_byte_later(self):
        run = self.network("delay", 'for = "100ms"\ntoward = "target"', count=1)
        moment = float(self.hit(run)[run.events("connect_invoked")[0]["connection"]]["t"])
        sent = [float(e["t"]) for e in run.events("request_sent") if float(e["t"]) > moment]
        heard = [t for t, _, _ in self.said(run, "heard", moment)]
        heard = [t for t in heard if t > sent[0]]
        self.assertGreater(len(heard), 1)
        for begin, end in zip(sent, heard):
            self.assertGreaterEqual(end - begin, 0.099)

    def test_delay_holds_also_of_connections_that_come_later(self):
        run = self.network("delay", 'for = "100ms"', when='{ phase = "start", at = "0ms" }', stop="500ms")
        self.assertEqual(2, len(self.hit(run)))
        sent = {e["connection"]: float(e["t"]) for e in reversed(run.events("request_sent"))}
        ended = {e["connection"]: float(e["t"]) for e in reversed(run.events("request_ended"))}
        for connection, begin in sent.items():
            self.assertGreaterEqual(ended[connection] - begin, 0.199)  # there and back

    def test_stall_keeps_the_target_waiting_and_goes_on(self):
        run = self.network("stall", 'for = "200ms"', count=1, stop="500ms")
        moment = float(run.events("network_disturbed")[0]["t"])
        ended = [t for e in run.events("request_ended") if (t := float(e["t"])) > moment]
        self.assertGreaterEqual(ended[1] - moment, 0.199)  # the answer to the one before was under way
        self.assertGreater(len(ended), 3)

    def test_cut_lets_neither_side_hear_anything_more(self):
        run = self.network("cut")
        hit = self.hit(run)
        self.assertEqual(2, len(hit))
        moment = max(float(e["t"]) for e in hit.values())
        self.assertEqual([], self.said(run, "FIN") + self.said(run, "RST") + self.said(run, "heard", moment + 0.05))
        ended = {e["connection"]: e["why"] for e in run.events("connection_ended")}
        self.assertEqual({"harness"}, {ended[c] for c in hit})
        self.assertEqual([], run.events("fin") + run.events("reset"))
        end = float(run.events("target_ended")[0]["t"])
        # Nobody waits for what cannot come.
        self.assertLess(max(float(e["t"]) for e in run.events("connection_ended")) - end, 2)

    def test_half_close_lets_the_target_see_fin_and_still_answer(self):
        run = self.network("half-close", 'toward = "target"', when='{ event = "sent", nth = 9 }', count=1)
        self.assertEqual(1, len(self.said(run, "FIN")))
        self.assertEqual(1, len(self.hit(run)))

    def test_reset_reaches_both_sides(self):
        run = self.network("reset")
        self.assertEqual(2, len(self.hit(run)))
        self.assertEqual(2, len(self.said(run, "RST")))
        self.assertEqual({"reset"}, {e["why"] for e in run.events("connection_ended")})

    def test_truncate_ends_in_order_at_the_very_byte(self):
        run = self.network("truncate", 'toward = "target"\nat_byte = 333', when='{ phase = "start", at = "0ms" }')
        totals = [total for _, _, total in self.said(run, "FIN")]
        self.assertGreaterEqual(len(totals), 2)
        self.assertEqual({333}, set(totals))
        self.assertEqual({333}, {e["to_target"] for e in self.hit(run).values()})

    def test_under_tls_a_truncated_stream_has_no_close_notify(self):
        run = self.network("truncate", 'toward = "clients"\nat_byte = 3000', scheme="https")
        hit = self.hit(run)
        self.assertTrue(hit)
        handshakes = [e for e in run.events("layer_up") if e["layer"] == "tls"]
        self.assertTrue(handshakes)
        fins = {e["connection"] for e in run.events("fin") if e["direction"] == "received"}
        self.assertLessEqual(set(hit), fins)
        notified = {e["connection"] for e in run.events("close_notify") if e["direction"] == "received"}
        self.assertEqual(set(), notified & set(hit))

    def test_a_percentage_is_hit_and_a_replay_hits_the_same(self):
        found = []
        for _ in range(2):
            run = self.network("cut", "percent = 50", count=6, options=("--seed", 5, "--jobs", 1))
            found.append(sorted(self.hit(run)))
        self.assertEqual(3, len(found[0]))
        self.assertEqual(found[0], found[1])

    def test_clients_that_are_aborted_reset_their_connections(self):
        for proxy in ("false", "true"):
            with self.subTest(proxy=proxy):
                run = self.disturb('what = "abort-clients"\npercent = 50', count=4, proxy=proxy)
                gone = {e["connection"] for e in run.events("misbehaved") if e["how"] == "abort-clients"}
                self.assertEqual(2, len(gone))
                self.assertEqual(2, len(self.said(run, "RST")))
                ended = {e["connection"]: e["detail"] for e in run.events("connection_ended")}
                self.assertEqual({"abort-clients"}, {ended[c] for c in gone})
                invoked = [e["what"] for e in run.events("fault_invoked")]
                self.assertEqual("abort-clients", invoked[0])

    def test_comes_at_the_nth_event_a_line_or_a_notification(self):
        for when in ('{ event = "acknowledged", nth = 5 }', '{ log = "^heard 1", nth = 3 }',
                     '{ notification = "READY=1" }'):
            for fault in ('what = "network"\naction = "reset"', 'what = "abort-clients"'):
                if "READY" in when and "abort" in fault:
                    continue  # nobody is there yet
                with self.subTest(when=when, fault=fault):
                    run = self.disturb(fault.replace('"reset"', '"truncate"\nat_byte = 40') if "READY" in when
                                       else fault, when, count=1)
                    names = [e["kind"] for e in run.events()
                             if e["kind"] in ("fault_invoked", "network_disturbed", "misbehaved")]
                    self.assertEqual("fault_invoked", names[0])
                    self.assertIn(names[1], ("network_disturbed", "misbehaved"))
                    words = "FIN" if "READY" in when else "RST"
                    self.assertTrue(self.said(run, words), run.events("target_output"))


if __name__ == "__main__":
    unittest.main()
