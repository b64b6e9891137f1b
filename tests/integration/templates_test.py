"""The templates for CI systems: what their shell steps do, each run here as its system would run it."""
import os
import re
import subprocess
import textwrap
import unittest

from lastcall_cli import LASTCALL, SOURCE, LastcallTest, scenario, serve

TEMPLATES = SOURCE / "ci" / "templates"
SENTENCES = {0: "every property held", 1: "a property or the gate failed", 2: "a scenario, or the command line, is wrong",
             3: "nothing failed, but something that is required could not be judged", 4: "lastcall or this machine broke"}


def scripts(name):
    """The shell scripts of a template, one after the other, and single lines of GitLab's before_script."""
    text = (TEMPLATES / name).read_text()
    if name == "Jenkinsfile":
        return [textwrap.dedent(script) for script in re.findall(r"sh '''\n(.*?)'''", text, re.DOTALL)]
    found = []
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if re.fullmatch(r"\s*(run: |- )\|", line):
            block = []
            for following in lines[number + 1:]:
                if following.strip() and len(following) - len(following.lstrip()) <= indent:
                    break
                block.append(following)
            found.append(textwrap.dedent("\n".join(block)) + "\n")
        elif single := re.fullmatch(r"    - ('?)((?:apt-get|\[).*)\1", line):
            found.append(single[2] + "\n")
    return found


class Templates(LastcallTest):
    def setUp(self):
        super().setUp()
        (self.folder / "shutdown").mkdir()
        self.shims = self.folder / "shims"
        self.shims.mkdir()
        for name in ("apt-get", "curl"):
            self.shim(name, f'echo "{name} $*" >>"{self.folder}/calls"')
        self.shim("lastcall", f'for word; do shift; [ "$word" = 50 ] && word=2; set -- "$@" "$word"; done\nexec "{LASTCALL}" "$@"')

    def shim(self, name, script):
        path = self.shims / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run_script(self, script):
        environment = {**os.environ, "PATH": f"{self.shims}:{os.environ['PATH']}", "LASTCALL_DEB": "http://127.0.0.1/x.deb",
                       "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md")}
        return subprocess.run(["sh", "-e", "-c", script], cwd=self.folder, env=environment, capture_output=True, text=True,
                              timeout=120)

    def install_and_stop(self, name):
        """The scripts before the one that stops the server, and that one."""
        *install, stop = scripts(name)
        self.assertIn("lastcall run", stop)
        return install, stop

    def each(self):
        for name in ("github.yml", "gitlab.yml", "Jenkinsfile"):
            with self.subTest(template=name):
                yield name

    def test_installs_the_package_that_it_downloads_once(self):
        for name in self.each():
            (self.folder / "calls").unlink(missing_ok=True)
            (self.folder / "lastcall.deb").unlink(missing_ok=True)
            install, _ = self.install_and_stop(name)
            done = [self.run_script(script) for script in install]
            self.assertEqual([0] * len(done), [one.returncode for one in done], done)
            calls = (self.folder / "calls").read_text()
            self.assertIn("curl -fsSL --output lastcall.deb http://127.0.0.1/x.deb", calls)
            self.assertIn("apt-get install -y --no-install-recommends ./lastcall.deb", calls)
            (self.folder / "lastcall.deb").write_text("from the cache")
            (self.folder / "calls").unlink()
            for script in install:
                self.run_script(script)
            self.assertNotIn("curl -", (self.folder / "calls").read_text())

    def test_a_server_that_fails_makes_the_job_red_and_leaves_what_explains_it(self):
        for name in self.each():
            self.write(scenario(serve("--code", "5")).replace("{here}", "{here}/.."), "shutdown/bad.toml")
            done = self.run_script("rm -rf results\n" + self.install_and_stop(name)[1])
            self.assertEqual(1, done.returncode, done)
            self.assertIn(SENTENCES[1], done.stdout)
            results = self.folder / "results"
            self.assertIn("<failure", (results / "junit.xml").read_text())
            self.assertIn("exit 5", (results / "report.md").read_text())
            kept = next((results / "trials").iterdir())
            self.assertLessEqual({"plan.json", "history.jsonl", "stdout.txt", "stderr.txt"}, set(os.listdir(kept)))
        self.assertIn("exit 5", (self.folder / "summary.md").read_text())

    def test_a_server_that_stops_as_it_should_makes_the_job_green(self):
        self.write(scenario(serve()).replace("{here}", "{here}/.."), "shutdown/good.toml")
        done = self.run_script(self.install_and_stop("github.yml")[1])
        self.assertEqual(0, done.returncode, done)
        self.assertIn(SENTENCES[0], done.stdout)

    def test_a_policy_decides_if_there_is_one(self):
        self.write(scenario(serve("--code", "5")).replace("{here}", "{here}/.."), "shutdown/bad.toml")
        known = '[[known]]\nproperty = "clean-exit"\nuntil = "9999-12-31"\nlink = "https://bugs/5"\n'
        lenient = '[gate]\nfails_at_most = "99 %"\nunknown_at_most = "100 %"\n'
        for policy, code, said in ((lenient + known, 3, "clean-exit in 2 trials, passes until 9999-12-31"),
                                   ("", 1, "failed  clean-exit: fails 2 of 2 trials")):
            self.write(policy, "gate.toml")
            for name in self.each():
                done = self.run_script("rm -rf results\n" + self.install_and_stop(name)[1])
                self.assertEqual(code, done.returncode, done)
                self.assertIn(said, done.stdout)
                self.assertIn(SENTENCES[code], done.stdout)
                self.assertIn("by the gate of gate.toml: ", (self.folder / "results/report.md").read_text())
                self.assertIn('"policy":"gate.toml"', (self.folder / "results/report.html").read_text())

    def test_each_exit_code_is_explained(self):
        for name in self.each():
            for code, sentence in SENTENCES.items():
                self.shim("lastcall", f"exit {code}")
                done = self.run_script(self.install_and_stop(name)[1])
                self.assertEqual(code, done.returncode, done)
                self.assertIn(sentence, done.stdout)


if __name__ == "__main__":
    unittest.main()
