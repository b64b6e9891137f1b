"""After its end the target is started again: it must be ready, and know what it had acknowledged, once."""
import json
import sys
import unittest

from lastcall_cli import LastcallTest, scenario

CLIENTS = '[[clients]]\nurl = "http://127.0.0.1:{port}/put/{id}"\ncount = 2\npace = "5ms"\nmessages = 6\n'
BY_URL = 'url = "http://127.0.0.1:{port}/has/{id}"'
LISTING = 'url = "http://127.0.0.1:{port}/all"'
STOP = '[[faults]]\nwhat = "stop"\nwhen = { event = "acknowledged", nth = 12 }\n'
KILL = STOP.replace('"stop"', '"kill"')


def keeper(*options):
    return [sys.executable, "{here}/servers/keeper.py", "--port", "{port}", *options]


# Long enough after the first acknowledgement for a question.
LATE_STOP = '[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "2s" }\n'
TYPED = ('[[clients]]\nname = "orders"\nurl = "http://127.0.0.1:{port}/typed"\nmessages = 6\npace = "5ms"\n'
         'message = \'{"id":"{id}"}\'\n')
NAMED = ('[[clients]]\nname = "orders"\nurl = "http://127.0.0.1:{port}/orders"\nmessages = 12\npace = "5ms"\n'
         'message = "{}"\n')


class Recovery(LastcallTest):
    def recovery(self, *options, ask=BY_URL, faults=STOP, properties="", clients=CLIENTS):
        text = scenario(keeper(*options), clients=clients, faults=faults, properties=properties,
                        environment=f"[target.recovery]\nask = {{ {ask} }}\n" if ask else "[target.recovery]\n")
        return self.run_scenario(text)

    def acknowledged(self, run):
        return [e for e in run.events("request_ended") if e["end"] == "ok"]

    def assert_verdict(self, run, name, outcome, reason=""):
        verdict = run.verdict(name)
        self.assertEqual(outcome, verdict["outcome"], f"{verdict}\n{run}")
        self.assertIn(reason, verdict["reason"])

    def test_a_server_that_keeps_what_it_acknowledged_passes_by_each_way_of_asking(self):
        by_command = 'command = ["grep", "-x", "{id}", "journal.txt"], expect = "{id}"'
        for ask in (BY_URL, BY_URL + ', expect = "{id}"', LISTING, by_command):
            with self.subTest(ask=ask):
                run = self.recovery(ask=ask, faults=LATE_STOP)
                self.assert_exit(0, run)
                self.assert_verdict(run, "acked-durable", "pass")
                self.assert_verdict(run, "recovers", "pass", "ready after")
                self.assertEqual(len(self.acknowledged(run)), run.verdict("acked-durable")["judged"])
                self.assertEqual(12, len(run.events("asked")))
                self.assertIn(1, [e["found"] for e in run.events("asked_before")])

    def test_the_restart_comes_after_the_search_and_its_output_and_end_are_recorded(self):
        run = self.recovery()
        kinds = [e["kind"] for e in run.events()]
        order = ["target_ended", "port_probed", "recovery_started", "recovery_ready", "asked", "recovery_ended"]
        self.assertEqual(sorted(order, key=kinds.index), order)
        self.assertIn("target_output", kinds[kinds.index("recovery_started"):])
        self.assertEqual([("exited", 0)], [(e["how"], e["value"]) for e in run.events("recovery_ended")])
        self.assertEqual(1, len(run.events("target_ended")))

    def test_a_lost_acknowledgement_fails(self):
        for ask in (BY_URL, LISTING):
            with self.subTest(ask=ask):
                run = self.recovery("--lose", ask=ask)
                self.assert_exit(1, run)
                self.assert_verdict(run, "acked-durable", "fail", "1 of 12 acknowledged requests are lost")

    def test_an_acknowledgement_that_is_there_twice_fails(self):
        run = self.recovery("--double", ask=BY_URL + ', expect = "{id}"')
        self.assert_exit(1, run)
        self.assert_verdict(run, "acked-durable", "fail", "1 of 12 acknowledged requests are there more than once")

    def test_everything_that_was_acknowledged_can_be_lost(self):
        for ask in (BY_URL, LISTING):
            with self.subTest(ask=ask):
                run = self.recovery("--forget", ask=ask, faults=LATE_STOP)
                self.assert_exit(1, run)
                self.assert_verdict(run, "acked-durable", "fail", "12 of 12 acknowledged requests are lost")

    def test_requests_that_the_server_ignored_are_the_scenarios_mistake(self):
        run = self.recovery(clients=TYPED, faults=LATE_STOP)
        self.assert_exit(3, run)
        self.assert_verdict(run, "acked-durable", "unknown", 'the question finds none of the 6 acknowledged requests of '
                                                             'clients "orders" even before the stop: check url')
        self.assertIn("Content-Type", run.verdict("acked-durable")["reason"])
        self.assertEqual({0}, {e["found"] for e in run.events("asked_before")})
        self.assertLessEqual(len(run.events("asked_before")), 20)

    def test_with_the_header_that_it_needs_they_are_there(self):
        header = 'headers = { Content-Type = "application/json" }\n'
        run = self.recovery(clients=TYPED + header, faults=LATE_STOP)
        self.assert_exit(0, run)
        self.assert_verdict(run, "acked-durable", "pass")

    def test_a_server_that_shows_late_what_it_acknowledged_is_right(self):
        for late in ("0.2", "60"):  # before the stop, and only as it stops
            with self.subTest(late=late):
                run = self.recovery("--late", late, faults=LATE_STOP)
                self.assert_exit(0, run)
                self.assert_verdict(run, "acked-durable", "pass")
                found = [e["found"] for e in run.events("asked_before")]
                self.assertEqual(0, found[0])
                self.assertEqual(late == "0.2", 1 in found)

    def test_an_id_that_the_server_chose_is_asked_for(self):
        for source in ('json = "/order/id"', 'pattern = \'"id": ([0-9]+)\''):
            for ask in (BY_URL, LISTING):
                with self.subTest(source=source, ask=ask):
                    clients = NAMED + f"id_from = {{ {source} }}\n"
                    run = self.recovery(clients=clients, ask=ask, faults=LATE_STOP)
                    self.assert_exit(0, run)
                    self.assert_verdict(run, "acked-durable", "pass")
                    self.assertEqual([str(n) for n in range(8, 20)], [e["id"] for e in run.events("id_given")])
                    run = self.recovery("--lose", clients=clients, ask=ask, faults=LATE_STOP)
                    self.assert_exit(1, run)
                    self.assert_verdict(run, "acked-durable", "fail", "1 of 12 acknowledged requests are lost")
                    self.assertIn('request 000000-000001, id "9"', run.verdict("acked-durable")["reason"])

    def test_an_answer_without_the_id_is_unknown(self):
        run = self.recovery("--nameless", clients=NAMED + 'id_from = { json = "/order/id" }\n', faults=LATE_STOP)
        self.assert_exit(3, run)
        self.assert_verdict(run, "acked-durable", "unknown", "no id was in the answer to 12 acknowledged requests, the "
                                                             'first: the answer has nothing at "/order/id"')

    def test_headers_say_who_the_clients_are(self):
        clients = NAMED + 'headers = { X-Token = "s-{seed}" }\nid_from = { json = "/order/id" }\n'
        run = self.recovery("--token", "s-{seed}", clients=clients, faults=LATE_STOP)
        self.assert_exit(0, run)
        run = self.recovery("--token", "another", clients=clients, faults=LATE_STOP)
        self.assert_exit(3, run)
        self.assertIn("every answer was 401 in 1 of 1 trials", run.out)

    def test_a_kill_is_recovered_from_too(self):
        run = self.recovery(faults=KILL)
        self.assert_verdict(run, "acked-durable", "pass")
        run = self.recovery("--lose", faults=KILL)
        self.assert_verdict(run, "acked-durable", "fail", "are lost")
        run = self.recovery("--lose", faults=KILL, properties="acked-durable = { after_kill = false }")
        self.assert_verdict(run, "acked-durable", "not-applicable", "SIGKILL")

    def killed_at_start(self, checkpoint, *options, by='what = "kill"', more=""):
        """Its first start writes this checkpoint, and is killed before it is ready."""
        start = f"echo '{checkpoint}' > state.json; echo starting; exec sleep 60"
        recovery = json.dumps([str(word) for word in keeper(*options)])
        return self.run_scenario(scenario(
            ["sh", "-c", start], clients=CLIENTS, environment=f"[target.recovery]\ncommand = {recovery}\n",
            faults=f'[[faults]]\n{by}\nwhen = {{ log = "^starting" }}\n{more}',
            properties='checkpoint-intact = { files = ["*.json"], format = "json" }'))

    def test_a_kill_before_readiness_is_recovered_from_too(self):
        run = self.killed_at_start("{}")
        self.assert_exit(0, run)
        self.assertEqual([], run.events("target_ready") + run.events("target_not_ready"))
        self.assert_verdict(run, "serves", "not-applicable", "lastcall sent SIGKILL before the target was ready")
        self.assert_verdict(run, "recovers", "pass", "ready after")
        self.assert_verdict(run, "checkpoint-intact", "pass")

    def test_another_signal_that_ends_it_before_readiness_is_recovered_from_too(self):
        hup = {"by": 'what = "signal"\nsignal = "SIGHUP"', "more": STOP}
        run = self.killed_at_start("{}", **hup)
        self.assertEqual([], run.events("target_ready") + run.events("target_not_ready"))
        self.assert_verdict(run, "serves", "not-applicable", "lastcall sent SIGHUP before the target was ready")
        self.assert_verdict(run, "recovers", "pass", "ready after")
        self.assert_verdict(run, "checkpoint-intact", "pass")
        run = self.killed_at_start('{"half', **hup)
        self.assert_exit(1, run)
        self.assert_verdict(run, "checkpoint-intact", "fail", "state.json")

    def test_what_a_kill_before_readiness_broke_is_found(self):
        run = self.killed_at_start('{"half')
        self.assert_exit(1, run)
        self.assert_verdict(run, "checkpoint-intact", "fail", "state.json")
        run = self.killed_at_start("{}", "--no-such-option")
        self.assert_exit(1, run)
        self.assert_verdict(run, "recovers", "fail", "it ended before it was ready")

    def test_who_ends_by_itself_before_readiness_was_not_killed(self):
        run = self.run_scenario(scenario(["sh", "-c", "kill -9 $$"], clients=CLIENTS,
                                         environment="[target.recovery]\n"))
        self.assert_exit(1, run)
        self.assert_verdict(run, "serves", "fail", "never ready: the target ended first")
        self.assertEqual([], run.events("recovery_started"))

    def test_a_target_that_does_not_start_again_fails(self):
        run = self.recovery("--once")
        self.assert_exit(1, run)
        self.assert_verdict(run, "recovers", "fail", "it ended before it was ready")
        self.assert_verdict(run, "acked-durable", "unknown", "it ended before it was ready")
        self.assertIn("it was here before", [e["line"] for e in run.events("target_output")])

    def test_questions_that_cannot_be_asked_are_unknown(self):
        for ask, reason in (('url = "http://127.0.0.1:{port.other}/{id}"', "refused"),
                            ('command = ["no-such-command-of-anybody", "{id}"]', "no-such-command-of-anybody"),
                            ('command = ["sh", "-c", "echo broken >&2; exit 3", "{id}"], expect = "x"',
                             "exit 3: broken")):
            with self.subTest(ask=ask):
                run = self.recovery(ask=ask)
                self.assert_exit(3, run)
                self.assert_verdict(run, "acked-durable", "unknown", reason)
                self.assertEqual(4, len(run.events("not_observed")))

    def test_the_command_of_a_restart_may_be_another(self):
        text = scenario(keeper("--lose"), clients=CLIENTS, faults=STOP,
                        environment=f"[target.recovery]\ncommand = {json.dumps([*keeper(), '--once'])}\n")
        run = self.run_scenario(text)
        self.assert_verdict(run, "recovers", "fail", "it ended before it was ready")
        self.assert_verdict(run, "acked-durable", "not-applicable", "add [target.recovery.ask]")

    def test_a_checkpoint_reads_back_whole_or_fails(self):
        check = [sys.executable, "-c", "import json, sys; json.load(open(sys.argv[1])); print('fine')", "{file}"]
        for settings in ('files = ["*.json"], format = "json"', 'files = ["*.db"], format = "sqlite"',
                         f'files = ["state.js*"], command = {json.dumps(check)}'):
            with self.subTest(settings=settings):
                properties = f"checkpoint-intact = {{ {settings} }}"
                whole = self.recovery(ask="", properties=properties)
                self.assert_verdict(whole, "checkpoint-intact", "pass")
                self.assertFalse((whole.history().parent / "checkpoint").exists())
                cut = self.recovery("--cut", ask="", properties=properties)
                self.assert_exit(1, cut)
                self.assert_verdict(cut, "checkpoint-intact", "fail", "state.")

    def test_a_checkpoint_that_is_not_there_fails_after_a_stop(self):
        run = self.recovery(ask="", properties='checkpoint-intact = { files = ["*.ckpt"], format = "json" }')
        self.assert_verdict(run, "checkpoint-intact", "fail", "*.ckpt: no such file")


if __name__ == "__main__":
    unittest.main()
