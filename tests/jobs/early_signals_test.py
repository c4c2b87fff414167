#!/usr/bin/env python3
"""Signals that come before the first step and behind the last one: no status but 75 and 0.

usage: early_signals_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]
"""
import os
import pathlib
import re
import signal
import time

from jobs import Case, Job, alone, local, main

INTERRUPTED = 75


def heeds(pid, number):
    """Whether a process has a handler for a signal."""
    caught = re.search(r"^SigCgt:\s*(\w+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return bool(int(caught[1], 16) >> (number - 1) & 1)


class EarlyAndLate(Case):
    """SIGTERM outside of the steps: nothing is lost, and the status says so."""

    def test_in_the_set_up(self):
        """A rank that stands still holds the others in their set-up."""
        out = self.folder / "out"
        with Job(local("train", "--steps", 10, "--checkpoint-every", 5, "--out", out, agents=2)) as job:
            job.wait_for(lambda: 2 in job.ranks(), "the start of the last rank")
            os.kill(job.rank(2), signal.SIGSTOP)
            job.wait_for(lambda: 0 in job.ranks() and heeds(job.rank(0), signal.SIGTERM), "the handler of rank 0", 30)
            os.kill(job.rank(0), signal.SIGTERM)
            os.kill(job.rank(2), signal.SIGCONT)
            seconds = self.ended(job, self.at_start)
            self.assertEqual(job.status, INTERRUPTED, job.text(job.errors))
            self.assertIn("before the first step", job.text(job.output))
        self.assertFalse(out.exists())
        self.report(seconds, "nothing was written")

    def test_behind_the_end(self):
        """MPI_Finalize needs mpirun: one that stands still holds the ranks behind their run's end."""
        out = self.folder / "out"
        with Job(local("train", "--steps", 1000, "--out", out, agents=1)) as job:
            job.wait_for(lambda: "step " in job.text(job.output), "the first step")
            os.kill(job.mpirun(), signal.SIGSTOP)
            job.wait_for((out / "summary.json").exists, "the end of the run")
            for rank in (0, 1):
                os.kill(job.rank(rank), signal.SIGTERM)
            time.sleep(0.5)
            os.kill(job.mpirun(), signal.SIGCONT)
            self.ended(job, self.in_run, time.monotonic())
            self.assertEqual(job.status, 0, job.text(job.errors))

    def test_the_launcher_while_it_starts_the_job(self):
        """Between the job's start and the handlers that pass a signal on: the signal must not leave the job behind."""
        hook = self.folder / "hook"
        hook.write_text('set -T\ntrap \'case $BASH_COMMAND in "$SIGNAL_BEFORE"*) trap - DEBUG; kill -TERM $$ ;; esac\' DEBUG\n')
        for number, before in enumerate(("local watch_process=", "local output_relay=", "local filter_process=", 'echo "job ', "exec 3>&- 4>&- 5>&-")):
            out = self.folder / f"out-{number}"
            command = ["env", f"BASH_ENV={hook}", f"SIGNAL_BEFORE={before}"]
            command += local("train", "--steps", 100000000, "--checkpoint-every", 100000000, "--out", out)
            with self.subTest(before=before), Job(command) as job:
                self.ended(job, self.at_start, time.monotonic())
                self.assertEqual(job.status, INTERRUPTED, job.text(job.errors))

    def test_the_launcher_at_any_time(self):
        for delay in (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5):
            out = self.folder / f"out-{delay}"
            with self.subTest(delay=delay), Job(local("train", "--steps", 100000000, "--checkpoint-every", 100000000, "--out", out)) as job:
                time.sleep(delay)
                job.process.terminate()
                self.ended(job, self.at_start, time.monotonic())
                if delay > 0:  # or the shell has not read its first line
                    self.assertEqual(job.status, INTERRUPTED, job.text(job.errors))


class BatchSignals(Case):
    """What batch systems send ahead of the end, beside SIGTERM."""

    def running_alone(self, out, *before):
        return Job([*before, *alone("--steps", 100000000, "--log-every", 1, "--checkpoint-every", 100000000, "--out", out)])

    def leaves_a_checkpoint(self, job, out):
        self.ended(job, self.in_run, time.monotonic())
        self.assertEqual(job.status, INTERRUPTED, job.text(job.errors))
        self.assertEqual(len(list((out / "checkpoints").glob("checkpoint-*"))), 1)

    def test_each_leaves_a_checkpoint(self):
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGHUP):
            out = self.folder / f"out-{number}"
            with self.subTest(number), self.running_alone(out) as job:
                job.wait_for(lambda: "step " in job.text(job.output), "the first step")
                job.process.send_signal(number)
                self.leaves_a_checkpoint(job, out)

    def test_the_launcher_passes_them_on(self):
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU):
            out = self.folder / f"out-{number}"
            with self.subTest(number), self.running("--checkpoint-every", 100000000, agents=1, out=out) as job:
                job.process.send_signal(number)
                self.leaves_a_checkpoint(job, out)

    def test_nohup_holds(self):
        out = self.folder / "out"
        with self.running_alone(out, "nohup") as job:
            job.wait_for(lambda: "step " in job.text(job.output), "the first step")
            job.process.send_signal(signal.SIGHUP)
            time.sleep(1)
            self.assertIsNone(job.process.poll(), "it heeded a signal that it was told to ignore")
            job.process.terminate()
            self.leaves_a_checkpoint(job, out)


if __name__ == "__main__":
    main()
