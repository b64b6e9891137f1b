"""Man pages and completions as the package has them, made from --help. What a package does when it is installed,
ci/package --try shows."""
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from lastcall_cli import LASTCALL, SOURCE, lastcall, temporary_folder

COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_lastcall; printf '%s\\n' "${COMPREPLY[@]}"
"""


class CommandPages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(temporary_folder()))
        subprocess.run([sys.executable, SOURCE / "ci" / "packaging" / "command_pages.py", LASTCALL, cls.folder], check=True)
        cls.commands = re.findall(r"^  ([a-z]+) ", lastcall("--help").out.partition("Subcommands:")[2].partition("\n\n")[0],
                                  re.MULTILINE)

    def completed(self, *words):
        done = subprocess.run(["bash", "-c", COMPLETE, "bash", self.folder / "bash" / "lastcall", *words],
                              capture_output=True, text=True, check=True, cwd=self.folder)
        return done.stdout.split()

    def test_every_command_has_a_man_page_with_all_its_options(self):
        self.assertIn("run", self.commands)
        for command in self.commands:
            page = (self.folder / "man" / f"lastcall-{command}.1").read_text().replace("\\-", "-")
            options = set(re.findall(r"^  (?:-\w,)?(--[a-z-]+)", lastcall(command, "--help").out, re.MULTILINE))
            self.assertTrue(options)
            for option in options:
                self.assertIn(option, page, command)

    def test_man_pages_are_sound(self):
        if shutil.which("man") is None:
            self.skipTest("no man(1)")
        for page in (self.folder / "man").iterdir():
            done = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True,
                                  env={"LC_ALL": "C.UTF-8", "MANWIDTH": "200", "PATH": "/usr/bin:/bin"})
            self.assertEqual(("", 0), (done.stderr, done.returncode), page)

    def test_bash_completes_commands_options_and_files(self):
        self.assertEqual(["run"], self.completed("lastcall", "ru"))
        self.assertEqual(["--trials"], self.completed("lastcall", "run", "--tri"))
        self.assertEqual(["properties"], self.completed("lastcall", "list", "prop"))
        self.assertEqual(["man"], self.completed("lastcall", "run", "ma"))

    def test_fish_completes_commands_and_options(self):
        if shutil.which("fish") is None:
            self.skipTest("no fish(1)")
        for typed, offered in (("lastcall doc", "doctor"), ("lastcall run --tri", "--trials")):
            script = f"source {self.folder}/fish/lastcall.fish; complete -C '{typed}'"
            done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True)
            self.assertEqual(offered, done.stdout.split("\t")[0].strip(), done)

    def test_zsh_takes_the_completion(self):
        if shutil.which("zsh") is None:
            self.skipTest("no zsh(1)")
        subprocess.run(["zsh", "-n", self.folder / "zsh" / "_lastcall"], check=True)

    def test_the_version_says_commit_and_build_id(self):
        said = lastcall("--version").out
        self.assertRegex(said, r"^lastcall \d+\.\d+\.\d+(\+\d{8}\.[0-9a-f]+)?(\.changed)? \(build id [0-9a-f]{40}\)\n$")
        notes = subprocess.run(["readelf", "-n", LASTCALL], capture_output=True, text=True).stdout
        self.assertIn(re.search("build id ([0-9a-f]+)", said)[1], notes)


if __name__ == "__main__":
    unittest.main()
