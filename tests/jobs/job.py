"""A command that is run and judged from outside: its processes are known by a mark, and none outlives the test."""
import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import uuid

MARK = "TERSEGRAD_FAILURE_TEST"


class StillRunning(AssertionError):
    pass


def small_pages():
    """PR_SET_THP_DISABLE, for this process and all below it: else a byte may cost 2 MB, and no limit on memory means much."""
    ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)


class Job:
    """A command in a session of its own. All its processes carry a mark in their environment."""

    def __init__(self, command, cwd=None):
        self.mark = uuid.uuid4().hex
        self.command = command
        self.output, self.errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.start = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.errors,
                                        cwd=cwd, env={**os.environ, MARK: self.mark}, start_new_session=True,
                                        preexec_fn=self.end_with_the_test)

    @staticmethod
    def end_with_the_test():
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: also where the test itself is killed
        small_pages()
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Again until none is left: the killed take a moment to go, and may have started others before.
        deadline = time.monotonic() + 60
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)
        self.process.wait()
        self.output.close()
        self.errors.close()

    def text(self, file):
        return os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace")

    def environments(self):
        """{pid: environment} of the job's processes. A zombie has no environment: it counts as gone."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                variables = (entry / "environ").read_bytes().split(b"\0")
                if f"{MARK}={self.mark}".encode() in variables:
                    found[int(entry.name)] = dict(v.split(b"=", 1) for v in variables if b"=" in v)
        return found

    def processes(self):
        return list(self.environments())

    def ranks(self):
        """{rank: process}: a rank's process carries the number and runs no launcher."""
        variable = b"OMPI_COMM_WORLD_RANK"
        return {int(environment[variable]): pid for pid, environment in self.environments().items() if variable in environment}

    def rank(self, number):
        ranks = self.ranks()
        if number not in ranks:
            raise AssertionError(f"no process of rank {number}")
        return ranks[number]

    def mpirun(self):
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() in ("mpirun", "orterun"):
                    return pid
        raise AssertionError("no mpirun")

    def ended(self, limit_s, since=None):
        """Waits for the status. \\returns the seconds since `since` (the job's start) until no process was left"""
        since = self.start if since is None else since
        deadline = since + limit_s
        try:
            self.status = self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise StillRunning(f"still running after {limit_s:.1f} s, with on stderr: {self.text(self.errors)}") from None
        while left := self.processes():
            if time.monotonic() > deadline:
                names = [f"{pid} ({pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()!r})" for pid in left]
                raise StillRunning(f"left behind after {limit_s:.1f} s: {', '.join(names)}")
            time.sleep(0.02)
        return time.monotonic() - since

    def wait_for(self, condition, what, limit_s=200):
        """Polls until the condition holds while the job runs."""
        start = time.monotonic()
        while not condition():
            if self.process.poll() is not None or time.monotonic() - start > limit_s:
                raise AssertionError(f"{what} did not happen; stderr: {self.text(self.errors)}")
            time.sleep(0.02)
