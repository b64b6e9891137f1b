"""The table in harness/checkers/README.md, made from scenarios/scenario.schema.json."""
import re

from lastcall_cli import SOURCE
from scenario_reference import SCHEMA

PAGE = SOURCE / "harness" / "checkers" / "README.md"
HEADING = "| property | holds when | cannot see |\n| --- | --- | --- |\n"
OWN = ("| `custom.NAME` | your own checker says so: the history on its standard input, a verdict as JSON on its output | |\n")


def rows():
    for name, property in SCHEMA["properties"]["properties"]["properties"].items():
        holds_when, found, cannot_see = property.get("description", "").partition(". Cannot see: ")
        if found:
            yield f"| `{name}` | {holds_when} | {cannot_see} |\n"


def page():
    """The page with the table as it must be."""
    text, count = re.subn(re.escape(HEADING) + r"(\|.*\n)*", lambda _: HEADING + "".join(rows()) + OWN, PAGE.read_text())
    assert count == 1, f"{PAGE} has {count} such tables"
    return text
