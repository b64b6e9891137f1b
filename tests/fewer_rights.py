"""Runs a test where lastcall may do less. `fewer_rights.py container TEST`: as root of a container, without CAP_SYS_ADMIN;
`fewer_rights.py user TEST`: as an ordinary user who gains no rights by executing anything. TEST is relative to this folder.
Ends with 77 where that cannot be had."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

NOBODY = 65534
# Root's own programs may lie where nobody else may look.
PUBLIC = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
AS_NOBODY = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all"]


def options_of(rights):
    """Those of setpriv(1)."""
    if rights == "container":
        return ["--bounding-set=-sys_admin,-checkpoint_restore"]
    return [*(AS_NOBODY if os.geteuid() == 0 else []), "--no-new-privs"]


def problem_with(words, needed):
    """Why Python cannot be run so, or not reach what it needs; empty if it can. `words` end with the interpreter."""
    look = "import os, sys; sys.exit(' '.join(name for name in sys.argv[1:] if not os.access(name, os.R_OK | os.X_OK)) or 0)"
    try:
        done = subprocess.run([*words, "-c", look, *needed], capture_output=True, text=True)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else f"{' '.join(words)} does not reach: {done.stderr.strip()}"


def main():
    rights, test = sys.argv[1:]
    path = Path(__file__).resolve().parent / test
    python = sys.executable
    if rights == "user" and os.geteuid() == 0:
        os.environ["PATH"] = PUBLIC
        python = shutil.which("python3") or python
    words = ["setpriv", *options_of(rights), python]
    if problem := problem_with(words, [str(path.parent), os.environ["LASTCALL"]]):
        print(problem)
        return 77
    os.environ["HOME"] = "/"
    os.execvp(words[0], [*words, str(path)])


if __name__ == "__main__":
    sys.exit(main())
