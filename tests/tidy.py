#!/usr/bin/env python3
"""Rules of the tree that no compiler checks. `tidy.py` judges the tree, `tidy.py --self-test` the rules."""
import graphlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from includes import missing_includes

TOP_LEVEL = set("CMakeLists.txt CMakePresets.json LICENSE README.md harness scenarios targets reports tests ci".split())

# Which parts a part may include (besides itself): folders, rooms of a folder ("tracer/stacks"), single headers. Who may
# include a folder may include its rooms.
DATA = {"base", "fault", "scenario", "plan", "history"}
MAY_INCLUDE = {
    "base": set(),
    "fault": {"base"},
    "scenario": {"base", "fault"},
    "plan": {"base", "fault", "scenario"},
    "history": {"base", "fault"},
    "checkers": DATA,
    "target": DATA,
    # Looks at a program from outside before there is a scenario of it.
    "discover": {"base", "scenario", "target"},
    "client": DATA,
    "tracer": set(),  # every file is in a room
    "tracer/ptrace": {"base"},
    "tracer/symbols": {"base"},
    "tracer/stacks": {"base", "tracer/ptrace", "tracer/symbols"},
    "tracer/locks": {"base", "tracer/ptrace", "tracer/stacks"},
    "tracer/loop": {"base", "tracer/ptrace"},
    "tracer/calls": {"base", "fault", "history", "tracer/ptrace", "tracer/stacks", "tracer/loop"},
    "tracer/ends": {"base", "history", "tracer/ptrace", "tracer/symbols", "tracer/stacks", "tracer/loop"},
    "search": {"base"},
    "tracer/points": {"base", "fault", "history", "search", "tracer/ptrace", "tracer/symbols", "tracer/stacks", "tracer/loop"},
    "tracer/runtimes": {"base", "tracer/ptrace", "tracer/symbols", "tracer/stacks", "tracer/loop"},
    "storage": DATA,
    # The trial process judges its own history, so that trials run at once are judged at once.
    "trial": DATA | {"search", "target", "client", "tracer", "storage", "checkers"},
    "campaign": DATA | {"checkers", "trial"},
    # What was found, kept; and whether it is good enough: no execution.
    "store": {"base", "scenario", "checkers", "campaign/summary.hpp", "campaign/shard.hpp", "campaign/past_campaign.hpp",
              "campaign/exit_codes.hpp", "trial/trial_result.hpp"},
    "gate": {"base", "scenario", "checkers", "campaign/summary.hpp", "campaign/statistics.hpp", "trial/trial_result.hpp"},
    # Trials of a search are no trials of a campaign: those of a plain command have a conductor of their own.
    "hunt": DATA | {"search", "target", "tracer", "checkers", "trial", "campaign"},
    # Data and judgement, and a runner of its own: no process, no socket.
    "embed": DATA | {"checkers"},
    "reports": DATA | {"checkers", "gate", "campaign/summary.hpp", "campaign/statistics.hpp",
                "campaign/past_campaign.hpp", "campaign/exit_codes.hpp"},
}
MAY_INCLUDE["cli"] = set(MAY_INCLUDE) | {"target", "client"}


def part_at(path):
    """The part that a path below harness/ belongs to: its room, or else its folder."""
    room = "/".join(path.split("/")[:2])
    return room if room in MAY_INCLUDE else path.split("/")[0]


# Throws CycleError if two parts may include one another, however far around. Who includes a folder includes its rooms.
graphlib.TopologicalSorter({
    part: {part_at(name) for name in others} | {room for room in MAY_INCLUDE if room.startswith(part + "/")}
    for part, others in MAY_INCLUDE.items()}).prepare()

BANNED_NAMES = {"util", "utils", "helpers", "misc", "common", "manager", "impl"}
MAX_LINES = 800
EXIT_ALLOWED = "after fork"  # the comment that marks code between fork and exec

# (name of the rule, pattern, does it apply to this path?)
CPP_BANS = [
    ("distribution", r"std::\w+_distribution\b", lambda p: True),
    ("rand", r"\brand\(\)", lambda p: True),
    ("using-namespace-std", r"\busing namespace std;", lambda p: True),
    ("empty-catch", r"catch \(\.\.\.\)\s*\{\s*\}", lambda p: True),
    ("sleep-in-test", r"\bsleep_for\b", lambda p: p.startswith("tests/")),
    ("backtracking", r"#\s*include <regex>", lambda p: not p.startswith("tests/")),
]
ANY_BANS = [
    ("left-over", r"\b(TODO|FIXME|XXX)\b"),
    ("machine-path", r"(?<![\w.{}*/-])/(work|home)/"),
]
# Words that make a reader stop, in prose and in texts for users.
PHRASE = re.compile(r"how manieth|\bshall\b|\banew\b|\bfor ever\b|\bso many\b|\bbeside (each|it|the|them)\b"
                    r"|is called (a|the) |// Of (a|an|the) |\bwhom\b|\b[Nn]obody (is|was) asked")
PROSE = (".cpp", ".hpp", ".py", ".md", ".toml", ".mjs", ".go", ".sh")
NOT_OURS = ("reports/evidence/", "tests/fuzz/corpus/", "tests/unit/checkers/hangs/", "tests/unit/checkers/panics/")
EXIT = re.compile(r"(?<![\w.:>])(?:std::|::)?_?exit\(")


def tracked_files(root):
    """What git knows or would add; in a tree without git everything but build results."""
    git = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True)
    if git.returncode == 0:
        names = git.stdout.decode().split("\0")
    else:
        skip = {"build", "node_modules", ".git", "lastcall-results"}
        names = [str(p.relative_to(root)) for p in Path(root).rglob("*")
                 if p.is_file() and not skip & set(p.relative_to(root).parts)]
    return sorted(n for n in names if n and (Path(root) / n).is_file())


def part_of(path):
    parts = path.split("/")
    if parts[0] == "harness" and len(parts) > 2:
        return part_at("/".join(parts[1:]))
    return parts[0] if parts[0] in ("reports", "targets") else None


def include_faults(path, text):
    part = part_of(path)
    for number, line in enumerate(text.split("\n"), 1):
        found = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
        if not found:
            continue
        header = found[1]
        owner = part_at(header.removeprefix("harness/")) if "/" in header else None
        if part == "targets":
            if header.startswith("harness/") or "/harness/" in header or owner in MAY_INCLUDE:
                yield number, "include", f"targets/ includes {header} of harness/"
        elif part in MAY_INCLUDE and owner in MAY_INCLUDE and owner != part:
            if not {owner, owner.split("/")[0], header} & MAY_INCLUDE[part]:
                yield number, "include", f"{part} may not include {header}"


def exit_faults(path, text):
    if not path.startswith("harness/") or path.startswith("harness/cli/"):
        return
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0]
        nearby = " ".join(lines[max(0, number - 4):number])
        if EXIT.search(code) and EXIT_ALLOWED not in nearby:
            yield number, "exit", f"a library ends the process (mark it '{EXIT_ALLOWED}' if it is a forked child)"


def pattern_faults(path, text):
    bans = [(name, pattern) for name, pattern in ANY_BANS]
    if path.endswith((".cpp", ".hpp")):
        bans += [(name, pattern) for name, pattern, applies in CPP_BANS if applies(path)]
    for name, pattern in bans:
        for found in re.finditer(pattern, text):
            yield text.count("\n", 0, found.start()) + 1, name, found[0].split("\n")[0]


def phrase_faults(path, text):
    if not path.endswith(PROSE) or path.startswith(NOT_OURS):
        return
    for number, line in enumerate(text.split("\n"), 1):
        for found in PHRASE.finditer(line):
            yield number, "phrase", f"say '{found[0].strip()}' in plain English"


def format_faults(root):
    """What clang-format of Debian 12 would write otherwise; nothing in a tree that does not say how it is formatted."""
    if not (Path(root) / ".clang-format").is_file():
        return
    program = shutil.which("clang-format-14")
    if not program:
        yield ".clang-format", 1, "format", "there is no clang-format-14: ci/setup installs it"
        return
    files = [path for path in tracked_files(root) if path.endswith((".cpp", ".hpp"))]
    done = subprocess.run([program, "--dry-run", *files], cwd=root, capture_output=True, text=True)
    for path, line in dict.fromkeys(re.findall(r"^(\S+?):(\d+):\d+: warning: code should be clang-formatted", done.stderr, re.M)):
        yield path, int(line), "format", "not as clang-format-14 writes it"


def classes(text):
    """(line, namespace::name) of each class that other files of the program may mean by that name."""
    namespaces = []
    for number, line in enumerate(text.split("\n"), 1):
        if opened := re.match(r"(?:inline )?namespace ?([\w:]*) \{", line):
            namespaces.append(opened[1])
        elif line.startswith("}  // namespace"):
            namespaces.pop()
        elif "" not in namespaces:
            if found := re.match(r"(?:class|struct|union|enum(?: class)?) (\w+)(?!::)\b[^;]*$", line):
                yield number, "::".join([*namespaces, found[1]])


def classes_defined_twice(texts):
    """Two classes of one name are one to the linker, which keeps the member functions of either."""
    first = {}
    for path, text in texts.items():
        if not path.startswith(("harness/", "reports/")) or not path.endswith((".cpp", ".hpp")):
            continue
        for number, name in classes(text):
            if name in first:
                yield path, number, "defined-twice", f"{first[name]} defines {name} as well"
            first.setdefault(name, path)


def faults(root):
    found = list(format_faults(root))
    texts = {}
    for path in tracked_files(root):
        top = path.split("/")[0]
        if top not in TOP_LEVEL and not top.startswith("."):
            found.append((path, 1, "top-level", f"'{top}' does not belong at the top"))
        if Path(path).stem in BANNED_NAMES:
            found.append((path, 1, "file-name", "says nothing about what is inside"))
        if path == "tests/tidy.py" or path.endswith("package-lock.json"):
            continue  # names what it bans; generated
        try:
            text = (Path(root) / path).read_text()
        except UnicodeDecodeError:
            continue
        texts[path] = text
        if path.endswith((".cpp", ".hpp", ".py", ".mjs")) and text.count("\n") > MAX_LINES:
            found.append((path, MAX_LINES, "length", f"more than {MAX_LINES} lines"))
        rules = [pattern_faults, phrase_faults]
        if path.endswith((".cpp", ".hpp")):
            rules += [include_faults, exit_faults]
        found += [(path, *fault) for rule in rules for fault in rule(path, text)]
    found += [(path, 1, rule, message) for path, rule, message in missing_includes(texts)]
    found += classes_defined_twice(texts)
    return found


# (rule, path, text): the rule must object to the first list, nobody to the second. Each file finds this header.
WIDGET = "struct Widget {\n  int gears;\n};\nint count_gears(const Widget& widget);\n"
WRONG = [
    ("top-level", "docs/a.md", ""),
    ("file-name", "harness/base/util.hpp", ""),
    ("length", "harness/base/long.cpp", "\n" * (MAX_LINES + 1)),
    ("include", "harness/base/a.hpp", '#include "plan/plan.hpp"\n'),
    ("include", "harness/target/a.cpp", '#include "client/fleet.hpp"\n'),
    ("include", "harness/checkers/a.cpp", '#include "trial/trial.hpp"\n'),
    ("include", "harness/campaign/a.cpp", '#include "cli/run.hpp"\n'),
    ("include", "harness/scenario/a.cpp", '#include "target/spawn.hpp"\n'),
    ("include", "reports/a.cpp", '#include "campaign/campaign.hpp"\n'),
    ("include", "harness/embed/a.cpp", '#include "trial/trial.hpp"\n'),
    ("include", "harness/tracer/stacks/a.cpp", '#include "tracer/loop/observer.hpp"\n'),
    ("include", "harness/tracer/ptrace/a.cpp", '#include "history/event.hpp"\n'),
    ("include", "harness/tracer/a.cpp", '#include "tracer/loop/observer.hpp"\n'),
    ("include", "targets/defects/a.cpp", '#include "harness/base/prng.hpp"\n'),
    ("include", "targets/defects/a.cpp", '#include "base/prng.hpp"\n'),
    ("exit", "harness/trial/a.cpp", "void f() { ::_exit(3); }\n"),
    ("distribution", "harness/plan/a.cpp", "std::uniform_int_distribution<int> d;\n"),
    ("rand", "harness/plan/a.cpp", "int x = rand();\n"),
    ("using-namespace-std", "harness/plan/a.cpp", "using namespace std;\n"),
    ("empty-catch", "harness/plan/a.cpp", "try { f(); } catch (...) {\n}\n"),
    ("left-over", "harness/plan/a.cpp", "// TODO later\n"),
    ("sleep-in-test", "tests/unit/plan/a_test.cpp", "#include <thread>\nstd::this_thread::sleep_for(1s);\n"),
    ("backtracking", "harness/plan/a.cpp", "#include <regex>\n"),
    ("machine-path", "ci/a", "cd /home/me\n"),
    ("phrase", "harness/plan/a.cpp", "// Of a port: its number.\n"),
    ("phrase", "harness/plan/a.hpp", "// Says the how manieth event it is.\n"),
    ("phrase", "harness/plan/b.hpp", 'constexpr auto kWhy = "it waits for ever";\n'),
    ("phrase", "harness/README.md", "The port is called the main port.\n"),
    ("phrase", "scenarios/a.toml", "# It shall stop.\n"),
    ("phrase", "tests/a.py", '"""Nobody is asked."""\n'),
    ("phrase", "tests/b.py", "# after so many\n"),
    ("phrase", "targets/a.go", "// starts anew\n"),
    ("phrase", "targets/a.mjs", "// the file beside it\n"),
    ("phrase", "ci/a.sh", "# by whom\n"),
    ("own-include", "harness/plan/a.cpp", "Widget spare;\n"),
    ("own-include", "harness/plan/a.cpp", "int all = count_gears(spare);\n"),
    ("standard-include", "harness/plan/a.cpp", "#include <string>\nstd::vector<int> all;\n"),
    ("defined-twice", "harness/plan/a.cpp", "class Widget {\n};\n"),
    ("format", "harness/plan/a.cpp", "int  x = 0;\n"),
]
RIGHT = [
    ("harness/plan/a.cpp", '#include "base/widget.hpp"\nint all(const Widget& spare) { return count_gears(spare); }\n'),
    ("harness/plan/a.cpp", "// A Widget.\nstruct Gear;\nint gears = Gear::count_gears(spare);\n"),
    ("harness/plan/a.cpp", "namespace {\nclass Widget {\n};\n}  // namespace\n"),
    ("harness/plan/a.cpp", "namespace other {\nclass Widget {\n};\n}  // namespace other\n"),
    ("reports/a.hpp", '#include "campaign/exit_codes.hpp"\n'),
    ("harness/trial/a.cpp", '#include "target/spawn.hpp"\n#include "client/fleet.hpp"\n'),
    ("harness/trial/a.cpp", '#include "tracer/loop/tracer.hpp"\n'),
    ("harness/tracer/stacks/a.cpp", '#include "base/ids.hpp"\n#include "tracer/ptrace/memory.hpp"\n'),
    ("harness/target/a.cpp", "// after fork: nothing of ours may be cleaned up twice\n::_exit(127);\n"),
    ("reports/a.cpp", '#include "campaign/summary.hpp"\n#include "checkers/verdict.hpp"\n'),
    ("harness/plan/a.hpp", "// For a port: its number, besides the main one. It waits forever.\n"),
    ("reports/evidence/a.md", "With so many clients.\n"),
    ("tests/unit/checkers/hangs/a.go", "// starts anew\n"),
    ("tests/a.txt", "for ever\n"),
    ("tests/unit/plan/a.cpp", "#include <regex>\n"),
    ("harness/plan/a.cpp", "operand(); on_exit(); catch (...) { report(); }\n"),
]


def self_test():
    broken = 0
    cases = [(rule, path, text) for rule, path, text in WRONG] + [(None, path, text) for path, text in RIGHT]
    for rule, path, text in cases:
        with tempfile.TemporaryDirectory() as root:
            file = Path(root) / path
            file.parent.mkdir(parents=True)
            file.write_text(text)
            header = Path(root) / "harness/base/widget.hpp"
            header.parent.mkdir(parents=True, exist_ok=True)
            header.write_text(WIDGET)
            if rule == "format":
                (Path(root) / ".clang-format").write_text("BasedOnStyle: Google\n")
            seen = {name for _, _, name, _ in faults(root)}
        if seen != ({rule} if rule else set()):
            broken += 1
            print(f"{path}: expected {rule}, got {sorted(seen)}: {text.strip()[:60]!r}")
    print(f"{len(cases) - broken} of {len(cases)} rules and exceptions work")
    return broken


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    root = Path(__file__).resolve().parent.parent
    found = faults(root)
    for path, line, rule, message in found:
        print(f"{path}:{line}: {rule}: {message}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
