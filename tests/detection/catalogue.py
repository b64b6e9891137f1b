"""The planted defects, as targets/defects/defects.toml states them."""
import tomllib
from typing import NamedTuple

from lastcall_cli import SOURCE

FIRST = "server"
TWIN = "twin"
TRACED = "traced"
FOLDER = SOURCE / "targets" / "defects"


class Defect(NamedTuple):
    must: str  # the property that must catch it
    may: frozenset = frozenset()  # others that may fail as well
    culprit: str = ""  # what the reason must match
    share: float = 1.0  # caught in at least this share of the trials that exercise it


def groups():
    return tomllib.loads((FOLDER / "defects.toml").read_text())


def table(group):
    """The defects of a group: name -> Defect."""
    return {name: Defect(row["must"], frozenset(row.get("may", ())), row.get("culprit", ""), row.get("share", 1.0))
            for name, row in groups()[group]["defects"].items()}


def page():
    """targets/defects/README.md."""
    text = "# Planted defects\n\nMade from [`defects.toml`](defects.toml) by `tests/generated_pages.py --write`.\n"
    for group in groups().values():
        text += (f"\n## {group['title']}\n\n{group['about']}\n\n"
                 "| defect | what it does | property that must catch it | others that may |\n| --- | --- | --- | --- |\n")
        for name, row in group["defects"].items():
            may = " ".join(f"`{other}`" for other in row.get("may", ()))
            text += f"| `{name}` | {row['does']} | `{row['must']}` | {may} |\n"
    return text
