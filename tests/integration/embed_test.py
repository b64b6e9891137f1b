"""lastcall::embed as a project sees it that has nothing but the installed package. LASTCALL_BUILD names the build."""
import json
import os
import re
import subprocess
import unittest
from pathlib import Path

from lastcall_cli import SOURCE, temporary_folder

BUILD = Path(os.environ.get("LASTCALL_BUILD", SOURCE / "build" / "release"))
EXAMPLE = SOURCE / "tests" / "integration" / "embed_example"
LIMIT = 150


def execute(*command, shell=False, **environment):
    environment = {**os.environ, **environment}
    environment.pop("LASTCALL_SCHEDULE", None)
    words = command[0] if shell else [str(word) for word in command]
    return subprocess.run(words, shell=shell, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=LIMIT)


class Embed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(temporary_folder()))
        cls.prefix = cls.folder / "prefix"
        cls.must("cmake", "--install", BUILD, "--component", "embed", "--prefix", cls.prefix)
        cls.must("cmake", "-G", "Ninja", "-S", EXAMPLE, "-B", cls.folder / "build", f"-DCMAKE_PREFIX_PATH={cls.prefix}",
                 "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
        cls.must("cmake", "--build", cls.folder / "build")
        cls.program = cls.folder / "build" / "drain_test"

    @staticmethod
    def must(*command):
        done = execute(*command)
        if done.returncode != 0:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def test_what_is_installed_is_one_archive_its_headers_and_the_package(self):
        files = sorted(str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if p.is_file())
        for name in ("include/lastcall/embed.hpp", "lib/liblastcall_embed.a",
                     "lib/cmake/lastcall/lastcallConfig.cmake", "lib/cmake/lastcall/lastcallConfigVersion.cmake"):
            self.assertIn(name, files)
        self.assertEqual(1, sum(name.endswith(".a") for name in files), files)

    def test_nothing_of_the_source_tree_is_named_in_it(self):
        for file in self.prefix.rglob("*"):
            if file.suffix in (".hpp", ".cmake"):
                self.assertNotIn(str(SOURCE), file.read_text(), file)

    def test_the_public_header_brings_in_neither_boost_nor_rapidcheck(self):
        self.must(self.folder / "build" / "alone")  # compiling it was the test
        for name in ("embed.hpp", "embed_schedule.hpp", "embed_subject.hpp", "embed_gtest.hpp"):
            text = (self.prefix / "include" / "lastcall" / name).read_text()
            self.assertNotRegex(text, r"(?i)#include <(boost|rapidcheck)|\b(boost|rc)::", name)
        flags = ["-std=c++20", f"-I{self.prefix / 'include'}", "-M"]
        needed = self.must("c++", *flags, EXAMPLE / "alone.cpp")
        self.assertNotRegex(needed, r"(?i)/(boost|rapidcheck|gtest)/")

    def test_the_server_that_is_right_passes(self):
        done = execute(self.program)
        self.assertEqual(0, done.returncode, done.stdout)

    def test_the_planted_mistake_is_found_printed_and_comes_back_by_the_line(self):
        done = execute(self.program, "--gtest_filter=Drain.HoldsUnderAnySchedule", CHECKS_FIRST="1")
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertRegex(done.stdout, r"released: fail: .*connection \d+/\d+ is left")
        history = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"t":')]
        kinds = [event["kind"] for event in history]
        self.assertLess(kinds.index("connect_invoked"), kinds.index("target_ended"), done.stdout)
        self.assertLess(kinds.index("fault_invoked"), kinds.index("layer_up"), done.stdout)  # it slipped in

        line = re.search(r"^reproduce: (LASTCALL_SCHEDULE='(.*?)' .*)$", done.stdout, re.MULTILINE)
        self.assertIsNotNone(line, done.stdout)
        # The smallest needs one connection, and perhaps a pause; how near shrinking comes to it is up to the scheduler.
        self.assertLess(line[2].count(":"), 7, line[2])
        again = execute(line[1], shell=True, CHECKS_FIRST="1")
        self.assertEqual(1, again.returncode, again.stdout)
        self.assertRegex(again.stdout, r"connection \d+/\d+ is left")
        right = execute(line[1], shell=True)
        self.assertEqual(0, right.returncode, right.stdout)


if __name__ == "__main__":
    unittest.main()
