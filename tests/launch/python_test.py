#!/usr/bin/env -S python3 -s -E
"""The scripts that draw, under what users have in their environment: every picture is the one drawn without it.

usage: python_test.py TERSEGRAD LAUNCH
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROGRAM, LAUNCH = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
SYSTEM = "/usr/bin/python3"
USETEX = "text.usetex: True\nbackend: Qt5Agg\nfigure.figsize: 1, 1\nfont.size: 40\n"


def file(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


class Surroundings:
    """Environments, by name; '' for none. Every value is a change of the environment, None takes a variable away."""

    def __init__(self, folder):
        old = file(folder / "numpy2/numpy/__init__.py", "raise ValueError('numpy.dtype size changed')").parent.parent
        shadow = folder / "shadow"
        for name in ("json", "argparse", "textwrap", "re", "sitecustomize"):
            file(shadow / f"{name}.py", "raise ImportError('a file of the user')")
        version = subprocess.run([SYSTEM, "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"], capture_output=True,
                                 text=True, check=True).stdout.strip()
        home = folder / "home"
        file(home / f".local/lib/{version}/site-packages/numpy/__init__.py", "raise ValueError('numpy.dtype size changed')")
        file(home / f".local/lib/{version}/site-packages/usercustomize.py", "raise SystemExit(9)")
        rc_home = folder / "rc_home"
        file(rc_home / ".config/matplotlib/matplotlibrc", USETEX)
        torn = file(folder / "torn/matplotlibrc", b"text.usetex: \xff\xfe\n")
        blocked = file(folder / "blocked", "") / "below"
        subprocess.run([SYSTEM, "-m", "venv", "--without-pip", folder / "bare"], check=True)
        self.bare = str(folder / "bare/bin")
        crashing = file(folder / "crashing/python3", "#!/bin/sh\nkill -SEGV $$\n", 0o755).parent
        shim = file(folder / "shim/python3", "#!/bin/sh\necho 'pyenv: python3: command not found' >&2\nexit 127\n", 0o755).parent
        path = os.environ["PATH"]
        library = file(folder / "conda/lib/libhdf5_serial.so.103", "not a library").parent
        # The program's own libraries are another test's: here only what a script's Python meets.
        self.by_hand = {
            "LD_LIBRARY_PATH with another HDF5": {"LD_LIBRARY_PATH": library},
            "LD_PRELOAD": {"LD_PRELOAD": library / "libhdf5_serial.so.103"},
        }
        self.all = {
            "numpy 2 in PYTHONPATH": {"PYTHONPATH": old},
            "the standard library's names in PYTHONPATH": {"PYTHONPATH": shadow},
            "PYTHONHOME": {"PYTHONHOME": folder},
            "numpy 2 in the user's site-packages": {"HOME": home, "PYTHONUSERBASE": home / ".local"},
            "PYTHONSTARTUP, PYTHONWARNINGS, PYTHONOPTIMIZE": {"PYTHONSTARTUP": torn, "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2"},
            "a virtual environment without modules": {"PATH": f"{self.bare}:{path}", "VIRTUAL_ENV": folder / "bare"},
            "usetex in the home folder": {"HOME": rc_home, "XDG_CONFIG_HOME": None},
            "usetex by MPLCONFIGDIR": {"MPLCONFIGDIR": rc_home / ".config/matplotlib"},
            "usetex in the working directory": {"cwd": rc_home / ".config/matplotlib"},
            "a matplotlibrc that is no text": {"MATPLOTLIBRC": torn},
            "MPLBACKEND of nowhere": {"MPLBACKEND": "module://nowhere"},
            "MPLCONFIGDIR that cannot be written": {"MPLCONFIGDIR": blocked},
            "HOME that cannot be written": {"HOME": blocked, "XDG_CONFIG_HOME": None, "XDG_CACHE_HOME": None},
            "HOME unset": {"HOME": None},
        }
        self.by_program = {
            **{name: self.all[name] for name in ("numpy 2 in PYTHONPATH", "PYTHONHOME", "usetex in the home folder")},
            "a Python that crashes": {"PATH": f"{crashing}:{path}"},
            "a shim that finds none": {"PATH": f"{shim}:{path}"},
            "no Python in PATH": {"PATH": str(folder)},
        }


def draw(command, changes):
    """Errors of a command that draws, or ''."""
    changes = dict(changes)
    folder = changes.pop("cwd", None)
    environment = {name: value for name, value in {**os.environ, **changes}.items() if value is not None}
    ended = subprocess.run([str(word) for word in command], env={k: str(v) for k, v in environment.items()}, cwd=folder,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=600)
    # The loader remarks on a library that it cannot preload in every program that is started.
    said = [line for line in ended.stderr.splitlines() if line.strip() and "from LD_PRELOAD cannot be preloaded" not in line]
    return f"status {ended.returncode}, {len(said)} lines, the last: {said[-1:]}" if ended.returncode != 0 or said else ""


def main():
    if subprocess.run([SYSTEM, "-s", "-E", "-c", "import h5py, matplotlib"], stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped: needs python3-matplotlib and python3-h5py")
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        run = folder / "run"
        subprocess.run([LAUNCH / "local", "-n", "1", "--program", PROGRAM, "--", "train", "--model", "mlp", "--dataset", "breast-cancer",
                        "--steps", "20", "--out", run], check=True, stdout=subprocess.DEVNULL)
        surroundings = Surroundings(folder)
        by_hand = lambda out: [LAUNCH / "plot", "--smooth", "1", "--dpi", "40", "--out", out, run]  # noqa: E731
        by_program = lambda out: [PROGRAM, "compare", run, "--plot", out]  # noqa: E731
        # Modules that only the user's environment has, as a cluster's module system gives them: better than no picture.
        elsewhere = folder / "launch"
        elsewhere.mkdir()
        shutil.copy(LAUNCH / "plot", elsewhere)
        module = (LAUNCH / "system_python.py").read_text()
        file(elsewhere / "system_python.py", module.replace(f'SYSTEM = "{SYSTEM}"', f'SYSTEM = "{surroundings.bare}/python3"'))
        packages = subprocess.run([SYSTEM, "-c", "import h5py, os; print(os.path.dirname(os.path.dirname(h5py.__file__)))"],
                                  capture_output=True, text=True, check=True).stdout.strip()
        modules = {"PATH": f"{surroundings.bare}:{os.environ['PATH']}", "PYTHONPATH": packages}
        cases = [("none, by hand", by_hand, {}), ("none, by the program", by_program, {})]
        cases += [(f"{name}, by hand", by_hand, change) for name, change in {**surroundings.all, **surroundings.by_hand}.items()]
        cases += [(f"{name}, by the program", by_program, change) for name, change in surroundings.by_program.items()]
        cases += [("modules in PYTHONPATH alone", lambda out: [elsewhere / "plot", "--smooth", "1", "--dpi", "40", "--out", out, run], modules)]

        def one(index):
            what, command, change = cases[index]
            out = folder / f"{index}.png"
            said = draw(command(out), change)
            return what, said or ("" if out.is_file() else "no picture"), out.read_bytes() if out.is_file() else b""

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = list(pool.map(one, range(len(cases))))
    plain = {True: found[0][2], False: found[1][2]}
    failed = False
    for what, said, picture in found:
        if not said and picture != plain[not what.endswith("by the program")]:
            said = "another picture"
        if said:
            failed = True
            print(f"{what}: {said}")
    print(f"{len(found)} pictures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
