"""Attacks by inputs: 10,000 scenarios, plans and command lines, mutated by bytes, by lines, by tokens and by values, each
through the command that reads it. It must end in time and memory with a documented exit code, and an error must name the
file and the place. Some hundred mutated plans are replayed, too. Writes reports/evidence/attack_inputs.json and .md.
LASTCALL_SCALE divides the counts; LASTCALL_SEED draws the same inputs again, and numbers on the command line run only
those."""
import base64
import copy
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import campaigns
import evidence
from lastcall_cli import LASTCALL, SERVERS, SOURCE, lastcall, processes, scenario, serve, temporary_folder, until

COMMAND = "ctest --preset release -L long -R attack.inputs"
SCALE = int(os.environ.get("LASTCALL_SCALE", "1"))
SEED = int(os.environ.get("LASTCALL_SEED", random.randrange(1 << 32)))
COUNT = max(60, 10_000 // SCALE)
# One of that many is replayed.
REPLAYED = 40
TIME_LIMIT = 10
# From then on a replay is interrupted, as its plan may say hours.
REPLAY_LIMIT = 6
INTERRUPTED_LIMIT = 15
MEMORY_LIMIT = 300 << 20
# Larger inputs of those that failed are not kept: the seed makes them again.
KEPT = 20_000

NUMBERS = ["0", "-1", "1", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808",
           "18446744073709551616", "-9223372036854775809", "1e308", "1e999", "-0.0", "nan", "inf", "0x7fffffffffffffff", "0b1",
           "1_000_000", "65536", "1000001", "9" * 400, "2024-02-30T25:61:61Z"]
STRINGS = ["", " ", "\0", "\n", "a" * 100_000, "{", "}", "{}", "{port}", "{port.", "{port.x}{port.y}", "{dir}/../../..",
           "/", "..", "{id}{id}", "{here}", "{nothing}", "\ud800", "\U0010ffff", "\u202e", "(", "(a{1000}){1000}",
           "(x*)*" * 50, "[[:nothing:]]",
           "\\", "SIGTERM", "SIGNOTHING", "-1s", "0ns", "1s..0s", "0s..", "9223372036854775807h", "1e9s", "5 s", "100 MiB",
           "99999999999999GiB", "http://", "http://[::1", "http://127.0.0.1:99999/", "http://example.org/", "ftp://127.0.0.1/",
           "ws://127.0.0.1:{port}/\r\nX: y", "%s%n", "true", "<b>", "]]>"]


# --- mutations of text: bytes of any kind ---

def spans(chance, data):
    begin = chance.randrange(len(data) + 1)
    return begin, min(len(data), begin + chance.choice((1, 2, 8, 100, 3000)))


def flip(chance, data):
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 3, 30))):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def drop(chance, data):
    begin, end = spans(chance, data)
    return data[:begin] + data[end:]


def insert(chance, data):
    begin, _ = spans(chance, data)
    more = chance.choice((b"\0", b"\xff", b"\xed\xa0\x80", b"\r", b'"', b"'''", b"]", b"}", b"#", b"\x1b[2J",
                          chance.randbytes(20)))
    return data[:begin] + more * chance.choice((1, 1, 2, 1000)) + data[begin:]


def repeat(chance, data):
    begin, end = spans(chance, data)
    return data[:end] + data[begin:end] * chance.choice((1, 2, 1000)) + data[end:]


def truncate(chance, data):
    return data[:chance.randrange(len(data) + 1)]


def nest(chance, data):
    begin, _ = spans(chance, data)
    opened = chance.choice((b"[", b"{", b'{"a":', b"{a=", b"[[", b"a."))
    return data[:begin] + opened * chance.choice((40, 300, 100_000)) + data[begin:]


def lines(chance, data):
    """One goes, comes twice, or goes elsewhere; or two change places."""
    found = data.splitlines(keepends=True) or [b""]
    a, b = chance.randrange(len(found)), chance.randrange(len(found))
    how = chance.randrange(4)
    if how == 0:
        del found[a]
    elif how == 1:
        found.insert(b, found[a])
    elif how == 2:
        found.insert(b, found.pop(a) if len(found) > 1 else found[a])
    else:
        found[a], found[b] = found[b], found[a]
    return b"".join(found)


def replaced(chance, data, pattern, by):
    """One of the matches becomes what `by` makes of it."""
    found = list(re.finditer(pattern, data))
    if not found:
        return flip(chance, data)
    match = chance.choice(found)
    return data[:match.start()] + by(match) + data[match.end():]


def quoted(text):
    return json.dumps(text).encode()


def numbers(chance, data):
    return replaced(chance, data, rb"(?<![\w.\"-])-?\d+(?:\.\d+)?", lambda _: chance.choice(NUMBERS).encode())


def numbers_in_strings(chance, data):
    return replaced(chance, data, rb"\d+", lambda _: chance.choice(NUMBERS).encode())


def strings(chance, data):
    return replaced(chance, data, rb'"(?:[^"\\\n]|\\.)*"', lambda _: quoted(chance.choice(STRINGS)))


def kinds(chance, data):
    """A value of another kind."""
    others = [b"true", b"[]", b"{}", b"null", b"1", b'""', b"[[1]]", b"1979-05-27", b"-1.5", b'["a", 1]', b'{ a = { b = 1 } }']
    return replaced(chance, data, rb'(?<=[=:] )(?:"(?:[^"\\\n]|\\.)*"|-?[\d.]+|true|false|\[[^\[\]\n]*\]|\{[^{}\n]*\})',
                    lambda _: chance.choice(others))


def swapped_values(chance, data):
    found = list(re.finditer(rb'(?<=[=:] )(?:"(?:[^"\\\n]|\\.)*"|-?[\d.]+|true|false|\[[^\[\]\n]*\]|\{[^{}\n]*\})', data))
    if len(found) < 2:
        return flip(chance, data)
    a, b = sorted(chance.sample(found, 2), key=lambda match: match.start())
    return data[:a.start()] + b[0] + data[a.end():b.start()] + a[0] + data[b.end():]


def keys(chance, data):
    """One is renamed, perhaps to another's name."""
    pattern = rb'[\w-]+(?= ?=)|(?<=")[\w-]+(?=" ?:)'
    names = [match[0] for match in re.finditer(pattern, data)] or [b"x"]
    other = chance.choice((chance.choice(names), chance.choice(names)[:-1], b"x" * 5000, b"\xc3\xa9", b"about"))
    return replaced(chance, data, pattern, lambda _: other)


TEXT = (flip, drop, insert, repeat, truncate, nest, lines, numbers, numbers_in_strings, strings, kinds, swapped_values, keys)


# --- mutations of values: JSON ---

def places(value, path=()):
    yield path
    for key, inner in (value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()):
        yield from places(inner, (*path, key))


def changed_value(chance, document):
    """A number becomes an extreme one, a text another, a list or an object loses, gets twice or swaps something; or it is of
    another kind."""
    document = copy.deepcopy(document)
    all_places = [path for path in places(document) if path]
    *above, last = chance.choice(all_places)
    holder = document
    for key in above:
        holder = holder[key]
    value = holder[last]
    how = chance.randrange(6)
    if how == 0:
        holder.pop(last)
    elif how == 1:
        other = document
        for key in chance.choice(all_places):
            other = other[key]
        holder[last] = copy.deepcopy(other)
    elif how == 2:
        holder[last] = chance.choice([None, True, [], {}, [[[]]], {"a": {}}, 0, "", -1, 1.5])
    elif isinstance(value, list) and value:
        value.extend(copy.deepcopy(value) * chance.choice((1, 1, 500)))
    elif isinstance(value, dict):
        value[chance.choice(("x", "", "name", "what"))] = 1
    elif isinstance(value, str):
        holder[last] = chance.choice(STRINGS + NUMBERS)
    else:
        holder[last] = chance.choice([-1, 0, 1, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, -(1 << 63), 10 ** 30,
                                      1e308, -0.5])
    return document


def mutated_mildly(chance, data):
    """One that often still is a plan: a number of it, or of the scenario that it holds, is another."""
    document = json.loads(data)
    for _ in range(chance.choice((1, 2))):
        if chance.random() < 0.5:
            text = document["scenario"]["text"].encode()
            changed = replaced(chance, text, rb"\d+", lambda _: chance.choice((b"0", b"1", b"3", b"50", b"999", b"100000")))
            document["scenario"]["text"] = changed.decode()
            continue
        *above, last = chance.choice([path for path in places(document) if path and path[0] in ("clients", "faults", "seed")])
        holder = document
        for key in above:
            holder = holder[key]
        if isinstance(holder[last], int):
            holder[last] = chance.choice((0, 1, 2, 7, 1000, 10 ** 6, 10 ** 9, 10 ** 12))
        elif isinstance(holder[last], str):
            holder[last] = re.sub(r"\d+", lambda _: chance.choice(("0", "1", "40", "3000", "99999")), holder[last])
    return json.dumps(document).encode()


def mutated_plan(chance, data):
    if chance.random() > 0.7:
        return mutated_text(chance, data)
    document = json.loads(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        document = changed_value(chance, document) if isinstance(document, dict) and document else document
    return json.dumps(document).encode()


def mutated_text(chance, data):
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        data = chance.choice(TEXT)(chance, data)
    return data


# --- command lines ---

COMMANDS = ["run", "replay", "validate", "list", "doctor", "autopsy"]
WORDS = [*COMMANDS, "--trials", "--for", "--seed", "--jobs", "--keep", "--results", "--json", "--times", "--trust", "--in",
         "--schema", "--stop-on-failure", "--full", "-n", "-j", "-k", "-h", "--help", "--version", "--", "-", "--=",
         "--trials=", "scenarios", "properties", "faults", "behaviours", "none", "all", "/nonexistent.toml", "/dev/null",
         "/dev/zero", "/proc/self/mem", "/", ".", "true", "false", "10m", "1s", "@", "@/etc/passwd"]


def command_line(chance):
    """It runs no scenario, as none of its files is one; `autopsy` runs "true" and the like."""
    strings = [text for text in STRINGS if "\0" not in text and "\ud800" not in text]
    return [chance.choice((*COMMANDS, *WORDS)),
            *(chance.choice((*WORDS, *NUMBERS, *strings)) for _ in range(chance.randrange(7)))]


# --- what they are made of, and what becomes of them ---

def plans_of(folder, files):
    """lastcall writes a plan down before it looks for the target."""
    found = []
    for index, file in enumerate(files):
        text = re.sub(r'(?m)^(command = \[)"', r'\1"/nonexistent/', file.read_text())
        changed = folder / f"{index}.toml"
        changed.write_text(text)
        lastcall("run", changed, "--trials", 1, "--keep", "all", "--seed", index, "--results", folder / f"p{index}", limit=120)
        found += sorted((folder / f"p{index}").glob("trials/*/plan.json"))
    return found


def a_plan_to_replay(folder):
    text = scenario(serve(), environment="trace = false", budget='load = "2s"\ntrial_timeout = "5s"')
    (folder / "scenario.toml").write_text(text)
    shutil.copytree(SERVERS, folder / "servers", copy_function=shutil.copyfile)
    lastcall("run", folder / "scenario.toml", "--trials", 1, "--keep", "all", "--results", folder / "r")
    return next((folder / "r").glob("trials/*/plan.json")).read_bytes()


class Inputs:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.scenarios = sorted(SOURCE.glob("scenarios/*/*.toml"))
        (self.folder / "plans").mkdir()
        self.plans = [path.read_bytes() for path in plans_of(self.folder / "plans", self.scenarios[::max(1, SCALE // 20)])]
        self.replayed = a_plan_to_replay(self.folder)

    def drawn(self, index):
        """What it is, the words of its command, its file, and the bytes of that."""
        chance = random.Random(f"{SEED} {index}")
        own = self.folder / f"i{index}"
        if index % REPLAYED == 0:
            data = chance.choice((mutated_mildly, mutated_mildly, mutated_plan))(chance, self.replayed)
            words = ["replay", "--trust", "--times", 1, "--results", own / "results", own / "plan.json"]
            return "replay --trust", words, own / "plan.json", data
        kind = chance.choices(("scenario", "plan", "line"), (5, 4, 1))[0]
        if kind == "scenario":
            data = mutated_text(chance, chance.choice(self.scenarios).read_bytes())
            return "validate", ["validate", own / "s.toml"], own / "s.toml", data
        if kind == "plan":
            return "replay", ["replay", own / "plan.json"], own / "plan.json", mutated_plan(chance, chance.choice(self.plans))
        return "command line", command_line(chance), None, b""

    def run(self, index):
        what, words, file, data = self.drawn(index)
        own = self.folder / f"i{index}"
        own.mkdir()
        if file:
            file.write_bytes(data)
        replays = what == "replay --trust"
        with open(own / "out", "wb") as out, open(own / "err", "wb") as err:
            begin = time.monotonic()
            run = subprocess.Popen([LASTCALL, *map(str, words)], cwd=own, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   env={**os.environ, "LASTCALL_MARK": f"{SEED}-{index}-"})
        code, memory, problem = ended(run, replays)
        seconds = time.monotonic() - begin
        errors = (own / "err").read_text(errors="replace")
        wrong = [problem] if problem else []
        wrong += self.wrong_with(what, code, errors, file)
        if memory > MEMORY_LIMIT:
            wrong.append(f"{memory >> 20} MiB of memory")
        if not until(lambda: not processes(f"LASTCALL_MARK={SEED}-{index}-"), 5):
            wrong.append("it left processes")
        found = {"index": index, "what": what, "code": code, "seconds": round(seconds, 2), "memory": memory, "wrong": wrong}
        if wrong:
            found |= {"words": [str(word) for word in words], "said": errors[-600:]}
            found |= {"input": base64.b85encode(zlib.compress(data)).decode()} if len(data) < KEPT else {}
        shutil.rmtree(own, ignore_errors=True)
        return found

    @staticmethod
    def wrong_with(what, code, errors, file):
        documented = {"validate": (0, 2), "replay": (2,), "replay --trust": (0, 1, 2, 3, 4, 130)}.get(what)
        # `autopsy` passes on what its command ended with.
        if code < 0 or (documented and code not in documented) or "broken invariant" in errors:
            return [f"exit code {code}"]
        if code != 2:
            return []
        if not errors.strip():
            return ["exit code 2 without a word"]
        if campaigns.control_characters(errors):
            return [f"the terminal got {campaigns.control_characters(errors)}"]
        lines = errors.splitlines()
        if what == "validate":
            place = re.compile(re.escape(str(file)) + r":\d+:\d+: .|lastcall: cannot read ")
            return [f"no place: {line[:200]}" for line in lines if not place.match(line)][:2]
        # The plan's own commands come before, if it could be read.
        named = any(str(file) in line or "add --trust" in line for line in lines)
        return [] if file is None or named else [f"the file is not named: {lines[-1][:200]}"]


def ended(run, replays):
    """Exit code, memory of its largest process in bytes, and what is wrong with how long it took."""
    end = []

    def has_ended():
        pid, status, used = os.wait4(run.pid, os.WNOHANG)
        if pid:
            end.extend((os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024))
            run.returncode = end[0]
        return bool(pid)

    problem = ""
    if not until(has_ended, REPLAY_LIMIT if replays else TIME_LIMIT):
        if replays:
            run.send_signal(signal.SIGINT)
        if not replays or not until(has_ended, INTERRUPTED_LIMIT):
            problem = "it took too long"
            run.kill()
            until(has_ended, 60)
    return *end, problem


def markdown(content):
    rows = [(what, sum(codes.values()), ", ".join(f"{code}: {codes[code]}" for code in sorted(codes, key=int)))
            for what, codes in content["codes"].items()]
    text = (f"# Attacks by inputs\n\nMutated from the {content['scenarios']} scenarios of the tree and the plans that are made "
            f"of them, with the seed {content['seed']}. Each must end within {TIME_LIMIT} s and {MEMORY_LIMIT >> 20} MiB with a "
            "documented exit code, and an error must name the file and the place.\n\n"
            + evidence.table(["command", "inputs", "exit codes"], rows)
            + f"\nThe slowest took {content['slowest']} s, the largest {content['largest_mib']} MiB, replays aside.\n\n"
            f"{len(content['failed'])} of {content['inputs']} failed.\n")
    for found in content["failed"]:
        text += f"\n- {found['index']}, `{' '.join(found['words'][:2])}`: {'; '.join(found['wrong'])}\n"
    return text


def main():
    indices = [int(word) for word in sys.argv[1:]] or range(COUNT)
    with temporary_folder() as folder:
        inputs = Inputs(folder)
        begin = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            found = []
            for one in pool.map(inputs.run, indices):
                found.append(one)
                if one["wrong"]:
                    print(f"LASTCALL_SEED={SEED} inputs.py {one['index']}: {one}", flush=True)
        codes = {}
        for one in found:
            codes.setdefault(one["what"], Counter())[str(one["code"])] += 1
        plain = [one for one in found if one["what"] != "replay --trust"] or found
        content = {**evidence.header(COMMAND), "seed": SEED, "inputs": len(found), "scenarios": len(inputs.scenarios),
                   "seconds": round(time.monotonic() - begin), "codes": codes,
                   "slowest": max(one["seconds"] for one in plain), "largest_mib": max(one["memory"] for one in plain) >> 20,
                   "failed": [one for one in found if one["wrong"]]}
    if not sys.argv[1:]:
        evidence.save("attack_inputs", content, markdown(content))
    print(f"{len(content['failed'])} of {len(found)} failed", codes)
    return 1 if content["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
