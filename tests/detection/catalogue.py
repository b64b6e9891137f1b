"""The planted defects, as the tables of targets/README.md state them."""
import re
from typing import NamedTuple

from lastcall_cli import SOURCE

FIRST = ""  # the defects above the first section
TWIN = "The twin"
TRACED = "What only a tracer can tell"


class Defect(NamedTuple):
    must: str  # the property that must catch it
    may: frozenset = frozenset()  # others that may fail as well
    culprit: str = ""  # what the reason must match
    share: float = 1.0  # caught in at least this share of the trials that exercise it


def section(title):
    """The text of one section; "" is what comes before the first."""
    parts = re.split(r"^## (.*)$", (SOURCE / "targets" / "README.md").read_text(), flags=re.M)
    return dict(zip(["", *parts[1::2]], parts[::2]))[title]


def defect_of(cells):
    """One row, by the headings of its columns."""
    share = re.search(r"(\d+) of (\d+)", cells.get("caught in", ""))
    return Defect(must=cells["property that must catch it"].strip("`"),
                  may=frozenset(re.findall("`([^`]+)`", cells["others that may"])),
                  culprit=cells.get("culprit that the reason must name, a regular expression", "").strip("`"),
                  share=int(share[1]) / int(share[2]) if share else 1.0)


def table(title):
    """The defects of a section: name -> Defect."""
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section(title).splitlines()
             if line.startswith("| ")]
    names = next(cells for cells in lines if cells[0] == "defect")
    rows = [dict(zip(names, cells + [""] * len(names))) for cells in lines if cells[0].startswith("`")]
    return {row["defect"].strip("`"): defect_of(row) for row in rows}
