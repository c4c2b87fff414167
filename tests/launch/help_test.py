#!/usr/bin/env -S python3 -s -E
"""Every script that a user can call answers --help, and refuses what it does not know, before it does anything.

usage: help_test.py ROOT
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1]).resolve()
LIMIT_S = 120  # it takes none; a machine may be busy
# Called by mpirun, CMake or a script with what they know, and by nobody else.
SCRIPTS = sorted([path for folder in ("launch", "cmake") for path in (ROOT / folder).iterdir() if path.is_file() and os.access(path, os.X_OK)]
                 + [ROOT / "tests/fuzz/run"])


def snapshot(folder):
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def call(script, argument, folder):
    """Status, standard output, standard error of a script in an empty folder that is also its home; and what it left."""
    home = folder / "home"
    home.mkdir()
    before = snapshot(folder)
    # A session of its own: what it starts against the rule is ended with it.
    process = subprocess.Popen([script, argument], cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True, env={**os.environ, "HOME": str(home), "TMPDIR": str(home)})
    try:
        out, err = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        err += "still running"
    left = sorted(set(snapshot(folder).items()) ^ set(before.items()))
    shutil.rmtree(home)
    return process.returncode, out, err, left


def main():
    failed = 0
    # A copy: what a script may do against the rule is seen, and nobody's runs are lost by it.
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name) / "tree"
        for folder in ("launch", "cmake"):
            shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
        (tree / "tests/fuzz").mkdir(parents=True)
        shutil.copy2(ROOT / "tests/fuzz/run", tree / "tests/fuzz/run")
        shutil.copy2(ROOT / "CMakePresets.json", tree)
        for script in SCRIPTS:
            relative = script.relative_to(ROOT)
            for argument in ("--help", "-h", "--no-such-option"):
                status, out, err, left = call(tree / relative, argument, pathlib.Path(name))
                said = []
                if left:
                    said.append(f"it wrote {[path for path, _ in left][:3]}")
                if argument == "--no-such-option":
                    if status == 0:
                        said.append("status 0")
                    if len(err.strip().splitlines()) != 1:
                        said.append(f"{len(err.strip().splitlines())} lines of errors: {err[:200]!r}")
                else:
                    if status != 0 or err:
                        said.append(f"status {status}, {err[:200]!r}")
                    if not out.lower().startswith("usage:"):
                        said.append(f"it begins with {out[:60]!r}")
                if said:
                    failed += 1
                    print(f"{relative} {argument}: {'; '.join(said)}")
    print(f"{len(SCRIPTS)} scripts, {failed} failures")
    return 1 if failed or len(SCRIPTS) < 15 else 0


if __name__ == "__main__":
    sys.exit(main())
