"""Every test of this folder is in one entry of ctest. CMake finds the classes by the lines of the files.
LASTCALL_BUILD names the build."""
import json
import os
import subprocess
import unittest
from pathlib import Path

from lastcall_cli import SOURCE

HERE = Path(__file__).resolve().parent
BUILD = os.environ.get("LASTCALL_BUILD", SOURCE / "build" / "release")


def tests_in(suite):
    for one in suite:
        yield from tests_in(one) if isinstance(one, unittest.TestSuite) else [one.id()]


def tests_of(file, classes=()):
    """The ids of what `python3 FILE CLASS…` runs."""
    names = [f"{file.stem}.{name}" for name in classes] or [file.stem]
    return list(tests_in(unittest.defaultTestLoader.loadTestsFromNames(names)))


def entries():
    """The tests of each entry with the label `integration` that runs a file of this folder."""
    shown = subprocess.run(["ctest", "--test-dir", BUILD, "--show-only=json-v1", "-L", "integration"], check=True,
                           capture_output=True, text=True)
    for entry in json.loads(shown.stdout)["tests"]:
        _, file, *classes = entry["command"]
        if Path(file).parent == HERE:
            yield tests_of(Path(file), classes)


class Entries(unittest.TestCase):
    maxDiff = None

    def test_each_test_is_in_one_of_them(self):
        written = [test for file in HERE.glob("*_test.py") for test in tests_of(file)]
        self.assertGreater(len(written), 300)
        self.assertEqual(sorted(written), sorted(test for tests in entries() for test in tests))


if __name__ == "__main__":
    unittest.main()
