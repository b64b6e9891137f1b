"""scenarios/reference.md, made from scenarios/scenario.schema.json."""
import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "scenarios"
SCHEMA = json.loads((FOLDER / "scenario.schema.json").read_text())
OPENING = f"""# Every key of a scenario

Made from [`scenario.schema.json`](scenario.schema.json) by `tests/generated_pages.py --write`.
[`guide.md`](guide.md) explains how the keys belong together. A key in **bold** must be given.

- A duration is a number and a unit, `ns`, `us`, `ms`, `s`, `m` or `h`: `"250ms"`.
- A range draws a value between its ends: `"0ms..2s"`, `"1..40"`.
- A signal has its name: `"SIGTERM"`.
- `{{dir}}` is the trial's folder, `{{here}}` the scenario's, `{{port}}` and `{{port.NAME}}` are free ports.
- A regular expression has [RE2's syntax](https://github.com/google/re2/wiki/Syntax), which is searched in linear time
  and so has no backreferences and no lookaround. It works on bytes: `.` is any byte but a newline. `^` and `$` are the
  ends of a line of output; `(?i)` in front takes upper and lower case for the same.
- Each property can be switched off, and says why: `close-handshake = {{ judge = false, why = "…" }}`.
"""
OF_EVERY_PROPERTY = ("judge", "why")


def alternatives(schema):
    return [schema] if "type" in schema else schema.get("anyOf", [])


def type_of(schema):
    """What a value looks like, in words: "duration", "`true`", "text or list of texts"."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1].replace("_", " ")
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema and "type" not in schema:
        return " or ".join(dict.fromkeys(map(type_of, schema["anyOf"])))
    kind = schema["type"]
    if kind == "array":
        return "list of " + type_of(schema["items"])
    if kind == "object" and not schema.get("properties"):
        return "table of " + type_of(schema["additionalProperties"])
    words = {"string": "text", "object": "table"}
    if kind == "string" and schema.get("pattern", "").startswith(r"^[0-9]+\.\."):
        return "range"
    return words.get(kind, kind)


def tables_in(schema):
    """The tables that a value may be or hold, each with the brackets of its heading."""
    for one in alternatives(schema):
        if one.get("type") == "object" and one.get("properties"):
            yield one, "[{}]"
        elif one.get("type") == "object" and isinstance(one.get("additionalProperties"), dict):
            for table, brackets in tables_in(one["additionalProperties"]):
                yield table, brackets.format("{}.NAME")
        elif one.get("type") == "array":
            for table, _ in tables_in(one["items"]):
                yield table, "[[{}]]"


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def section(table, name, heading):
    is_property = name.startswith("properties.")
    keys = {key: schema for key, schema in table["properties"].items() if not (is_property and key in OF_EVERY_PROPERTY)}
    if not keys:
        return ""
    lines = [f"\n## {heading}\n", "| key | value | default | |", "| --- | --- | --- | --- |"]
    inner = []
    for key, schema in keys.items():
        shown = f"**`{key}`**" if key in table.get("required", []) else f"`{key}`"
        default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
        lines.append(f"| {shown} | {cell(type_of(schema))} | {cell(default)} | {cell(schema.get('description', ''))} |")
        path = f"{name}.{key}" if name else key
        inner += [section(one, path, f"`{brackets.format(path)}`") for one, brackets in tables_in(schema)]
    return "\n".join(lines) + "\n" + "".join(inner)


def page():
    return OPENING + section(SCHEMA, "", "At the top level")
