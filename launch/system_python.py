"""Shared by the Python scripts here: what a user's environment puts in front must not decide what a script does.

Import it before anything else. It starts the script again, isolated (python3 -s -E; -B: nothing is left beside it), where it is not: PYTHONPATH,
PYTHONHOME and the user's own site-packages then bring no module. The system's Python is also started without
LD_LIBRARY_PATH and LD_PRELOAD, which hand its modules other libraries; it needs neither.
"""
import os
import sys

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.realpath(__file__))
SYSTEM = "/usr/bin/python3"
LOADER = ("LD_LIBRARY_PATH", "LD_PRELOAD")
STAGE = "TERSEGRAD_PYTHON_STAGE"  # 0: the python3 that was called; 1: the system's; 2: with the user's whole environment
CALLED = "TERSEGRAD_PYTHON_CALLED"
SAVED = "TERSEGRAD_SAVED_"


def is_system():
    """Not for a virtual environment made with the system's Python: it has modules of its own."""
    return sys.prefix == sys.base_prefix and os.path.realpath(sys.executable) == os.path.realpath(SYSTEM)


def start(python, stage):
    """Runs this script again under `python`; isolated up to stage 1."""
    environment = dict(os.environ, **{STAGE: str(stage), CALLED: os.environ.get(CALLED, sys.executable)})
    if stage < 2 and os.path.realpath(python) == os.path.realpath(SYSTEM):
        for name in LOADER:
            if name in environment:
                environment[SAVED + name] = environment.pop(name)
    sys.stdout.flush()
    isolated = ["-B", "-s", "-E"] if stage < 2 else []
    os.execve(python, [python, *isolated, os.path.abspath(sys.argv[0]), *sys.argv[1:]], environment)


def isolate():
    stage = int(os.environ.get(STAGE, "0"))
    isolated = sys.flags.ignore_environment and sys.flags.no_user_site
    touched = is_system() and any(name in os.environ for name in LOADER)
    if stage < 2 and sys.executable and (touched or not isolated):
        start(sys.executable, stage)
    for name in LOADER:  # for what the script itself starts
        if SAVED + name in os.environ:
            os.environ[name] = os.environ.pop(SAVED + name)
    os.environ.pop(STAGE, None)
    return stage


stage = isolate()


def start_again(error):
    """After a failed import: the system's Python, which has the distribution's packages; then the called one with all that
    the user's environment adds (a module system's PYTHONPATH, pip install --user); then one line."""
    if stage == 0 and os.path.exists(SYSTEM) and not is_system():
        start(SYSTEM, 1)
    if stage < 2:
        start(os.environ.get(CALLED, sys.executable), 2)
    script = os.path.basename(sys.argv[0])
    missing = isinstance(error, ModuleNotFoundError) and error.name in ("h5py", "matplotlib", "numpy")
    what = f"no Python module '{error.name}'" if missing else f"'{sys.executable}' cannot import: {type(error).__name__}: {error}"
    what = " ".join(what.split())
    sys.exit(f"{script}: {what}; apt install python3-matplotlib python3-h5py, or pip install matplotlib h5py in a virtual environment")


def usable(folder):
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def own_settings():
    """Matplotlib's defaults instead of the user's: a matplotlibrc may ask for LaTeX, a window, other sizes. Its folder for
    what it keeps is a temporary one where the user's cannot be written. Returns what removes it, as the end of Python does.
    """
    import atexit
    import shutil
    import tempfile
    home = os.path.expanduser("~")
    before = os.environ.get("MPLCONFIGDIR")
    used = [before] if before else [
        os.path.join(os.environ.get(f"XDG_{name.upper()}_HOME") or os.path.join(home, f".{name}"), "matplotlib")
        for name in ("config", "cache")]
    os.environ.update(MATPLOTLIBRC=os.devnull, MPLBACKEND="Agg")
    if os.path.isabs(home) and all(usable(folder) for folder in used):
        return lambda: None
    folder = os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp(prefix="tersegrad-matplotlib-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    def remove():
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop("MPLCONFIGDIR")
        if before is not None:
            os.environ["MPLCONFIGDIR"] = before

    return remove


def import_drawing():
    """h5py, matplotlib and numpy, with our settings; starts again elsewhere where they cannot be imported."""
    remove_own_settings = own_settings()
    # A matplotlibrc in the working directory comes before the one that MATPLOTLIBRC names.
    working = os.open(".", os.O_PATH)
    os.chdir(HERE)
    try:
        import h5py
        import matplotlib.pyplot
        import numpy
    except Exception as error:  # a module of another version fails in any way
        os.fchdir(working)
        remove_own_settings()
        start_again(error)
    os.fchdir(working)
    os.close(working)
    return h5py, matplotlib, numpy


def parser(**arguments):
    """An ArgumentParser that shows a description as it is written and refuses in one line, with status 2."""
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message):
            self.exit(2, f"{self.prog}: {' '.join(message.split())} ({self.prog} --help lists the options)\n")

    return Parser(formatter_class=argparse.RawDescriptionHelpFormatter, **arguments)
