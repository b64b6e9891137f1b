"""Evidence files: what a long run or a benchmark found, as JSON and Markdown below reports/evidence, with the command
that made them."""
import hashlib
import json
import os
import shutil
from datetime import datetime, timezone
from pathlib import Path

from lastcall_cli import LASTCALL, SOURCE

FOLDER = SOURCE / "reports" / "evidence"


def build():
    """What tells one build from another: the bytes of the binaries."""
    digest = hashlib.sha256()
    folder = Path(shutil.which(LASTCALL) or LASTCALL).resolve().parent
    for name in ("lastcall", "reference_server", "defective_server"):
        with open(folder / name, "rb") as file:  # in pieces: a child begins with the memory of its parent
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def header(command, digest=None):
    """`digest`: of what was run, where that is not the build."""
    return {"command": command, "build": digest or build(), "made_utc": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%MZ"),
            "processors": os.cpu_count()}


def load(name):
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def lines(content):
    """The JSON text of an object: a line for each key, and for each entry of a key that has several."""
    def entries(value):
        opened, closed = "{}" if isinstance(value, dict) else "[]"
        items = [f"{json.dumps(key)}: {json.dumps(item)}" for key, item in value.items()] if opened == "{" else \
            [json.dumps(item) for item in value]
        return f"{opened}\n  " + ",\n  ".join(items) + f"\n {closed}"

    def text(value):
        return entries(value) if isinstance(value, (dict, list)) and len(value) > 1 else json.dumps(value)
    return "{\n " + ",\n ".join(f"{json.dumps(key)}: {text(value)}" for key, value in content.items()) + "\n}\n"


def save(name, content, markdown):
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(lines(content))
    (FOLDER / f"{name}.md").write_text(
        f"{markdown}\nMade by `{content['command']}` on {content['made_utc']}, {content['processors']} processors, build "
        f"{content['build']}.\n")


def table(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"
