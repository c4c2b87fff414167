"""Runs one job with one side's programs in a folder of its own, and leaves there what it said and wrote.

A job's folder holds `files`, in which its commands run one after another, and `commands.json`: of each command the words, the exit
status, standard output and standard error.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import sys

import data_files
import programs

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "jobs"))
from job import Job, StillRunning  # noqa: E402

LIMIT_S = 180  # of a command; they take a second or two, but the machine may be busy
RECORDS = "commands.json"
FILE_CHANGES = ("@damage", "@unfinish")
TEST_PROGRAMS = tuple(f"@{name}" for name in programs.TEST_PROGRAMS)


class JobSpec:
    """A line of the table: commands that run one after another in one folder. job_table.py says how they are spelled."""

    def __init__(self, name, *commands, data=(), status=0):
        """`status`: how the last command ends on the base, or a tuple for all of them."""
        self.name, self.commands, self.data = name, commands, data
        self.statuses = status if isinstance(status, tuple) else (0,) * (len(self.run_commands()) - 1) + (status,)

    def run_commands(self):
        """Those that leave a record: not the changes of files between them."""
        return [command for command in self.commands if not command.startswith(FILE_CHANGES)]

    def key(self):
        """Another one for whatever changes what is run."""
        content = hashlib.sha256("\n".join(self.commands).encode())
        for path, data in sorted(self.files().items()):
            content.update(path.encode() + data)
        return content.hexdigest()[:16]

    def files(self):
        return {path: content for name in self.data for path, content in data_files.DATA[name]().items()}


def composed(words, side):
    """The command line: with a launcher where its options come first, else the program alone."""
    program = None
    if words[0] in TEST_PROGRAMS:
        program, words = side.test_program(words[0][1:]), words[1:]
    count = 0
    while words[0] in ("-n", "--ranks") and words[count].startswith("-"):  # launch/local's options, each with a value
        count += 2
    rest = words[count:]
    program = str(program or side.program(rest[0]))
    if count == 0:
        return ["env", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", program, *rest]
    return [str(side.launcher), *words[:count], "--program", program, "--", *rest]


def run_command(words, side, folder):
    """Runs it to its end, or with @stop in front until its first step and then to the end that SIGTERM makes."""
    stop = words[0] == "@stop"
    with Job(composed(words[stop:], side), folder) as job:
        try:
            if stop:
                job.wait_for(lambda: "step " in job.text(job.output), "the first step", LIMIT_S)
                job.process.terminate()
            job.ended(LIMIT_S)
            status = job.status
        except StillRunning:
            status = f"still running after {LIMIT_S} s"
        except AssertionError:  # it ended before its first step, or never came to it: None
            status = job.process.poll()
        return {"command": " ".join(words), "status": status, "output": job.text(job.output), "errors": job.text(job.errors)}


def damage(path):
    """One bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def unfinish(out, step):
    """Makes of a finished run what one leaves that died after its checkpoint of this step."""
    (out / "summary.json").unlink()
    for name in ("run.h5", "metrics.csv"):
        (out / name).rename(out / f"{name}.part")
    for checkpoint in (out / "checkpoints").iterdir():
        if int(checkpoint.name.removeprefix("checkpoint-")) > step:
            checkpoint.unlink()


def run_job(spec, side, base, folder):
    """Runs the job in the folder, which is made anew. Commands with @base in front run on the base's programs on both sides."""
    shutil.rmtree(folder, ignore_errors=True)
    files = folder / "files"
    files.mkdir(parents=True)
    for path, content in spec.files().items():
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_bytes(content)
    records = []
    for command in spec.commands:
        words = shlex.split(command)
        if words[0] in FILE_CHANGES:
            # Where the command before has failed, there is nothing to change; the records tell of it.
            with contextlib.suppress(OSError):
                damage(files / words[1]) if words[0] == "@damage" else unfinish(files / words[1], int(words[2]))
        elif words[0] == "@base":
            records.append(run_command(words[1:], base, files))
        else:
            records.append(run_command(words, side, files))
    for record in records:
        for path, name in {str(files): "FOLDER", **base.paths(), **side.paths(), os.uname().nodename: "HOST"}.items():
            for text in ("output", "errors"):
                record[text] = record[text].replace(path, name)
    # Written last: a job that was cut short has none.
    (folder / RECORDS).write_text(json.dumps(records, indent=1, ensure_ascii=False))
