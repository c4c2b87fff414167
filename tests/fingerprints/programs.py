"""The programs and launchers of the two sides: of the base commit, built in a folder of its own, and of this tree."""
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEST_PROGRAMS = ("faulty_exchange",)  # beside the program itself
TARGETS = ("tersegrad", *TEST_PROGRAMS)


class Impossible(Exception):
    """The comparison cannot begin: one line says why."""


def called(*command, **how):
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, **how)
    if done.returncode != 0:
        raise Impossible(f"'{' '.join(map(str, command))}' ended with status {done.returncode}")
    return done.stdout.strip()


class Side:
    """One of the two that are compared: what starts a job, and on which program."""

    def __init__(self, tree, program=None):
        self.launcher = tree / "launch/local"
        self.built = tree / "build/release"
        self.own_program = program

    def program(self, subcommand):
        """The program that has this subcommand: the place to say so when there are several."""
        return self.own_program or self.built / "tersegrad"

    def test_program(self, name):
        """A program of the tests, from the same build."""
        return (self.own_program.parent if self.own_program else self.built) / "tests" / name

    def paths(self):
        """What is written PROGRAM and LAUNCHER in messages, because the two sides have them in different folders."""
        return {str(self.program("train")): "PROGRAM", str(self.launcher): "LAUNCHER"}


def build(tree):
    """Builds what the jobs need with the tree's own launch/build."""
    print(f"building {' '.join(TARGETS)} in {tree}", file=sys.stderr, flush=True)
    log = tree / "build/fingerprints-build.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as file:
        status = subprocess.run([tree / "launch/build", "--preset", "release", *TARGETS], stdout=file, stderr=file,
                                stdin=subprocess.DEVNULL).returncode
    if status != 0:
        sys.stderr.write("".join(log.read_text().splitlines(keepends=True)[-20:]))
        raise Impossible(f"{tree} cannot be built (all that was said: {log})")


def base(commit):
    """The base commit's side and folder: its files below build/fingerprints, which leaves git's own as they are."""
    commit = called("git", "-C", ROOT, "rev-parse", "--verify", f"{commit}^{{commit}}")
    folder = ROOT / "build/fingerprints" / commit
    source = folder / "source"
    if not (folder / "unpacked").exists():  # written last: an unpacking that was cut short is done again
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        archive = folder / "source.tar"
        called("git", "-C", ROOT, "archive", "-o", archive, commit)
        called("tar", "-x", "-f", archive, "-C", source)
        archive.unlink()
        (folder / "unpacked").touch()
    build(source)
    return Side(source), folder


def present(program=None):
    if program is None:
        build(ROOT)
    elif not program.is_file():
        raise Impossible(f"no program '{program}'")
    return Side(ROOT, program)
