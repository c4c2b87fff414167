"""What the tests of whole jobs share: real mpirun jobs, judged from outside.

A test program is called with PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]; the groups are its classes.
"""
import contextlib
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

from job import Job, StillRunning

PROGRAM, LAUNCH, FAILING_RUN = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:4])
END_S = 5  # a fault ends the job on every rank within this time


def is_logged(out):
    """Whether a second process can read records of the run that is going on in this folder."""
    return subprocess.run([PROGRAM, "compare", str(out)], capture_output=True).returncode == 0


def local(*arguments, agents=1, ranks=None, program=PROGRAM):
    """The command that starts a job on this machine; with one agent and its server unless asked otherwise."""
    size = ["-n", str(agents)] if ranks is None else ["--ranks", str(ranks)]
    return [LAUNCH, *size, "--program", program, "--", *map(str, arguments)]


def alone(*arguments):
    """One rank without a server: enough where another case shows that several ranks say it once. It needs no launcher, and
    without is cheap: mpirun takes two seconds to notice that its only rank has failed."""
    exchange = [] if "--exchange" in arguments else ["--exchange", "allreduce"]
    return ["env", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", PROGRAM, "train", *exchange, *map(str, arguments)]


def mpmd(*contexts):
    """A plain mpirun of several (ranks, arguments) or (ranks, arguments, folder), with launch/local's settings."""
    marker = "@@"
    line = subprocess.run([LAUNCH, "--ranks", "1", "--program", marker, "--print"], stdout=subprocess.PIPE, check=True, text=True)
    words = shlex.split(line.stdout)
    words = words[:words.index(marker)]
    place = words.index("-np")
    del words[place:place + 2]
    for number, (ranks, arguments, *folder) in enumerate(contexts):
        words += [":"] * (number > 0) + ["-np", str(ranks)] + (["-wdir", str(folder[0])] if folder else [])
        words += [PROGRAM, *map(str, arguments)]
    return words


def snapshot(folder):
    """Everything that a user would miss: names, contents, times of files (a lock comes and goes in a folder)."""
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) if path.is_file() else "folder"
            for path in sorted(pathlib.Path(folder).rglob("*"))}


def difference(before, after):
    """One line on what has changed between two snapshots."""
    return ", ".join(f"{path} is {'gone' if path not in after else 'new' if path not in before else 'changed'}"
                     for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path))


class Case(unittest.TestCase):
    startup_s = None

    @staticmethod
    def measure_startup():
        """What a job costs on this machine as it is loaded now."""
        with Job(local("train", "--help")) as job:
            Case.startup_s = job.ended(200)

    @classmethod
    def setUpClass(cls):
        if Case.startup_s is None:
            cls.measure_startup()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tersegrad-failure-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def at_start(self):
        """Seconds that a job may take that fails before its first step: that is start-up and the fault's five."""
        return END_S + max(10, 4 * Case.startup_s)

    def in_run(self):
        """Seconds from a fault in the middle of a run; on a machine that is too busy to start jobs, some more."""
        return END_S + max(0, 2 * (Case.startup_s - 1))

    def ended(self, job, limit, since=None):
        """Job.ended within limit(). One that seems to hang gets what the limit is by then: the load may have changed."""
        try:
            return job.ended(limit(), since)
        except StillRunning:
            self.measure_startup()
            return job.ended(limit(), since)

    def report(self, seconds, what):
        print(f"{self.id().removeprefix('__main__.')}: ended in {seconds:.2f} s ({what})", flush=True)

    def one_line(self, job, *parts, only=True):
        """Exactly one line of ours, with these parts; `only`: and nothing else but remarks of launch/local."""
        lines = [line for line in job.text(job.errors).splitlines() if line.strip()]
        ours = [line for line in lines if line.startswith("tersegrad:")]
        self.assertEqual(len(ours), 1, f"lines of ours in: {lines}")
        for part in parts:
            self.assertIn(part, ours[0])
        others = [line for line in lines if line not in ours and not line.startswith("launch/local:")]
        if only:
            self.assertEqual(others, [], "lines beside the one")
        return ours[0]

    def refused(self, command, *parts, only=True, cwd=None):
        """The job fails before its first step, in one line with these parts, and leaves self.folder as it was."""
        before = snapshot(self.folder)
        with Job(command, cwd) as job:
            seconds = self.ended(job, self.at_start)
            line = self.one_line(job, *parts, only=only)
            self.assertNotEqual(job.status, 0)
            self.assertNotIn("step ", job.text(job.output), "it trained")
        self.assertEqual(difference(before, snapshot(self.folder)), "")
        self.report(seconds, line)
        return line

    def finished(self, *arguments, agents=1, limit_s=120):
        """A run that ends well: status 0, nothing of ours on stderr. \\returns its summary"""
        out = self.folder / f"out-{uuid.uuid4().hex[:8]}"
        with Job(local("train", *arguments, "--out", out, agents=agents)) as job:
            self.ended(job, lambda: limit_s + self.at_start())
            self.assertEqual(job.status, 0, job.text(job.errors))
            self.assertNotIn("tersegrad:", job.text(job.errors))
        self.assertEqual([], list(out.glob("*.part")))
        for name in ("run.h5", "metrics.csv"):
            self.assertGreater((out / name).stat().st_size, 0)
        return json.loads((out / "summary.json").read_text())

    @contextlib.contextmanager
    def running(self, *arguments, agents=2, out=None):
        """A long run in the middle of its steps."""
        out = out or self.folder / "out"
        with Job(local("train", "--steps", "100000000", "--log-every", "1", *arguments, "--out", out, agents=agents)) as job:
            job.wait_for(lambda: "step " in job.text(job.output), "the first step")
            yield job


def main():
    """Runs the groups of the program that calls it."""
    start = time.monotonic()
    result = unittest.main(argv=[sys.argv[0], "-v", *sys.argv[4:]], exit=False).result
    if result.testsRun == len(result.skipped) > 0:
        sys.exit(77)  # CTest's SKIP_RETURN_CODE: nothing was tested, and it should say so
    print(f"{result.testsRun} tests in {time.monotonic() - start:.1f} s; starting a job took {Case.startup_s or 0:.2f} s")
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
