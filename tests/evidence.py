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
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:16]


def header(command, digest=None):
    """`digest`: of what was run, where that is not the build."""
    return {"command": command, "build": digest or build(), "made_utc": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%MZ"),
            "processors": os.cpu_count()}


def load(name):
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def save(name, content, markdown):
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    (FOLDER / f"{name}.md").write_text(
        f"{markdown}\nMade by `{content['command']}` on {content['made_utc']}, {content['processors']} processors, build "
        f"{content['build']}.\n")


def table(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"
