#!/usr/bin/env python3
"""Makes man pages and completions of what `lastcall --help` and `lastcall COMMAND --help` say:
`command_pages.py LASTCALL FOLDER` writes FOLDER/man, FOLDER/bash, FOLDER/zsh and FOLDER/fish."""
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

FILE_OPTIONS = {"--results", "--output", "--in", "--log"}
NAMED = {"list": ("scenarios", "properties", "faults", "behaviours")}


@dataclass
class Help:
    """One page of help, taken apart."""
    about: str = ""
    usage: str = ""
    sections: dict = field(default_factory=dict)  # title -> [(what, text)]
    footer: str = ""


def taken_apart(text):
    found = Help()
    title = None
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("Usage: "):
            found.usage = line.removeprefix("Usage: ")
        elif not found.usage:
            found.about += line + " "
        elif re.fullmatch(r"(Positionals|Options|Subcommands):", line):
            title = line[:-1]
            found.sections[title] = []
        elif title and line.startswith("  "):
            what, _, rest = line.strip().partition("  ")
            if len(line) - len(line.lstrip()) > 20 and found.sections[title]:  # goes on
                before = found.sections[title][-1]
                found.sections[title][-1] = (before[0], f"{before[1]} {line.strip()}".strip())
            else:
                found.sections[title].append((what, rest.strip()))
        elif line and not line.startswith("  "):
            found.footer = "\n".join(lines[number:])
            break
    return found


def help_of(program, *words):
    done = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True)
    return taken_apart(done.stdout)


def options(page):
    """(["-n", "--trials"], "N", what it says) of each option."""
    for what, about in page.sections.get("Options", []):
        names, _, value = what.partition(" ")
        yield names.split(","), value, about


def roff(text):
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", escaped, flags=re.MULTILINE)


def man_page(name, page, version, commands):
    lines = [f'.TH {name.upper()} 1 "" "lastcall {version}" "User Commands"', ".SH NAME",
             f"{roff(name)} \\- {roff(page.about.strip().removeprefix('lastcall: '))}", ".SH SYNOPSIS", roff(page.usage)]
    for title, entries in page.sections.items():
        lines.append(f".SH {'COMMANDS' if title == 'Subcommands' else title.upper()}")
        for what, about in entries:
            lines += [".TP", f"\\fB{roff(what)}\\fR", roff(about)]
    if page.footer:
        lines += [".SH NOTES", ".nf", roff(page.footer), ".fi"]
    others = [f"lastcall-{command}" for command in commands] if name == "lastcall" else ["lastcall"]
    lines += [".SH SEE ALSO", ", ".join(f"\\fB{roff(other)}\\fR(1)" for other in others)]
    return "\n".join(lines) + "\n"


def bash(commands):
    """`commands`: name -> Help."""
    cases = []
    for name, page in commands.items():
        words = " ".join(option for names, _, _ in options(page) for option in names if option.startswith("--"))
        named = " ".join(NAMED.get(name, ()))
        cases.append(f"    {name}) options='{words}' named='{named}' ;;")
    return f"""# lastcall(1): completion for bash
_lastcall() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} options='' named=''
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '{" ".join(commands)} --help --version' -- "$current"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{chr(10).join(cases)}
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$named" -- "$current") $(compgen -f -- "$current"))
  fi
}}
complete -o filenames -F _lastcall lastcall
"""


def zsh_text(text):
    return re.sub(r"([\\:\[\]])", r"\\\1", text).replace("'", "'\\''")


def zsh(commands):
    listed = "\n".join(f"    '{name}:{zsh_text(page.about.strip())}'" for name, page in commands.items())
    cases = []
    for name, page in commands.items():
        specs = []
        for names, value, about in options(page):
            action = (":file:_files" if FILE_OPTIONS & set(names) else f":{zsh_text(value.lower())}:") if value else ""
            specs += [f"'{option}[{zsh_text(about)}]{action}'" for option in names]
        cases.append(f"    {name}) _arguments {' '.join(specs)} '*:file:_files' ;;")
    return f"""#compdef lastcall
# lastcall(1): completion for zsh
_lastcall() {{
  local -a commands
  commands=(
{listed}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
{chr(10).join(cases)}
  esac
}}
_lastcall "$@"
"""


def fish_text(text):
    return text.replace("\\", "\\\\").replace("'", "\\'")


def fish(commands):
    lines = ["# lastcall(1): completion for fish"]
    for name, page in commands.items():
        lines.append(f"complete -c lastcall -n __fish_use_subcommand -f -a {name} -d '{fish_text(page.about.strip())}'")
        for names, value, about in options(page):
            flags = " ".join(f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}" for option in names)
            needs = " -r" if value else ""
            lines.append(f"complete -c lastcall -n '__fish_seen_subcommand_from {name}' {flags}{needs} "
                         f"-d '{fish_text(about)}'")
    return "\n".join(lines) + "\n"


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    top = help_of(program)
    commands = {name: help_of(program, name) for name, _ in top.sections["Subcommands"]}
    made = {"man/lastcall.1": man_page("lastcall", top, version, commands), "bash/lastcall": bash(commands),
            "zsh/_lastcall": zsh(commands), "fish/lastcall.fish": fish(commands)}
    for name, page in commands.items():
        made[f"man/lastcall-{name}.1"] = man_page(f"lastcall-{name}", page, version, commands)
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
