"""The exit codes of `lastcall run`, harness/campaign/exit_codes.hpp."""
import os
import unittest

from lastcall_cli import HTTP_CLIENT, LastcallTest, lastcall, scenario, serve


class ExitCodes(LastcallTest):
    def test_0_when_every_property_held(self):
        run = self.run_server(trials=2)
        self.assert_exit(0, run)
        self.assertEqual(0, run.report["exit_code"])

    def test_1_when_a_property_failed(self):
        run = self.run_server("--code", 5)
        self.assert_exit(1, run)
        self.assertEqual("fail", run.verdict("clean-exit")["outcome"])
        self.assertIn("exit 5", run.verdict("clean-exit")["reason"])

    def test_2_names_file_line_and_column_of_what_is_wrong_in_a_scenario(self):
        path = self.write('about = "a test"\n[target]\ncommand = ["true"]\n  deadline = "2s"\n')
        run = lastcall("run", path, "--results", self.folder / "r")
        self.assert_exit(2, run)
        self.assertIn(f"{path}:4:3: ", run.err)
        self.assertFalse((self.folder / "r").exists())

    def test_2_when_one_scenario_of_several_is_wrong(self):
        good = self.write(scenario(serve()), "good.toml")
        run = lastcall("run", good, self.write("about = 1", "bad.toml"), "--results", self.folder / "r")
        self.assert_exit(2, run)
        self.assertIn("bad.toml:1:", run.err)

    def test_2_for_a_missing_file_with_its_name(self):
        run = lastcall("run", self.folder / "nowhere.toml")
        self.assert_exit(2, run)
        self.assertIn("nowhere.toml", run.err)
        self.assertIn("No such file", run.err)

    def test_2_for_a_scenario_that_is_no_regular_file(self):
        fifo = self.folder / "scenario.toml"
        os.mkfifo(fifo)
        for words in (["run", fifo], ["validate", fifo], ["validate", "/dev/zero"]):
            with self.subTest(words=words):
                run = lastcall(*words, limit=20)
                self.assert_exit(2, run)
                self.assertIn("it is no regular file", run.err)

    def test_2_for_a_scenario_whose_name_is_not_utf_8(self):
        run = lastcall("validate", self.write(scenario(serve()), "a\udcff.toml"))
        self.assert_exit(2, run)
        self.assertIn("a\ufffd.toml is not UTF-8: rename", run.err)

    def test_2_for_wrong_options(self):
        path = self.write(scenario(serve()))
        for words in (["run", path, "--no-such-option"], ["run", path, "--trials", "0"], ["run", path, "--for", "soon"],
                      ["run", path, "--jobs", "0"], ["run", path, "--keep", "some"], ["run", path, "--keep"], ["run"], ["fly"], [],
                      ["run", path, "--trials", "2", "--for", "1s"]):
            with self.subTest(words=words):
                run = lastcall(*words, cwd=self.folder)
                self.assert_exit(2, run)
                self.assertNotEqual("", run.err)
                self.assertTrue(run.err.replace("\n", "").isprintable(), run.err)

    def test_3_when_a_required_property_had_nothing_to_judge(self):
        # A request is answered at once, so none is in flight at the stop.
        run = self.run_server(properties='require = ["in-flight-finished"]',
                              clients=HTTP_CLIENT + "messages = 1\n",
                              faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "300ms" }')
        self.assert_exit(3, run)
        self.assertEqual("not-applicable", run.verdict("in-flight-finished")["outcome"])

    def test_1_wins_over_3(self):
        run = self.run_server("--code", 5, properties='require = ["in-flight-finished"]',
                              clients=HTTP_CLIENT + "messages = 1\n",
                              faults='[[faults]]\nwhat = "stop"\nwhen = { phase = "load", at = "300ms" }')
        self.assert_exit(1, run)

    def test_4_when_the_results_directory_cannot_be_made(self):
        (self.folder / "in-the-way").write_text("")
        run = lastcall("run", self.write(scenario(serve())), "--results", self.folder / "in-the-way" / "r")
        self.assert_exit(4, run)
        self.assertIn("in-the-way", run.err)

    def test_4_when_the_disk_is_full_for_a_report_or_the_log(self):
        for written in ("report.json.part", "junit.xml.part", "report.md.part", "report.html.part", "trials.jsonl"):
            name = written.removesuffix(".part")
            with self.subTest(name=name):
                results = self.folder / f"full-{name}"
                results.mkdir()
                (results / written).symlink_to("/dev/full")
                run = lastcall("run", self.write(scenario(serve())), "--trials", 1, "--results",
                               results)
                self.assert_exit(4, run)
                self.assertIn(name, run.err)
                self.assertEqual([], list(results.glob("*.part")))

    def test_4_when_a_fifo_lies_where_a_report_is_written(self):
        """It does not wait until somebody reads there."""
        results = self.folder / "r"
        results.mkdir()
        os.mkfifo(results / "report.json.part")
        run = lastcall("run", self.write(scenario(serve())), "--trials", 1, "--results", results, limit=60)
        self.assert_exit(4, run)
        self.assertIn("report.json.part", run.err)

    def test_4_when_a_trial_process_is_broken_by_what_lies_in_its_way(self):
        results = self.folder / "r"
        (results / "trials").mkdir(parents=True)
        (results / "trials" / "scenario-0001").write_text("")  # short_name: the folder's name is put before
        (results / "trials" / f"{self.folder.name}-scenario-0001").write_text("")
        run = lastcall("run", self.write(scenario(serve())), "--trials", 1, "--results", results)
        self.assert_exit(4, run)
        self.assertNotEqual("", run.err)


if __name__ == "__main__":
    unittest.main()
