#!/usr/bin/env python3
"""Disks that are slow, and machines that fail at any moment: what must be on the disk before what.

usage: disk_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]; DISK in the environment is the path of the library
of disk.c.
"""
import os
import time
import unittest

from jobs import PROGRAM, Case, Job, local, main


@unittest.skipUnless("DISK" in os.environ, "the library of a disk is not there")
class Disk(Case):
    def program(self, **variables):
        """tersegrad on such a disk."""
        script = self.folder / "program"
        words = " ".join(f"{name}={value}" for name, value in variables.items())
        script.write_text(f'#!/bin/sh\n{words} LD_PRELOAD={os.environ["DISK"]} exec {PROGRAM} "$@"\n')
        script.chmod(0o755)
        return str(script)

    def trained(self, program, *arguments):
        with Job(local("train", *arguments, ranks=2, program=program)) as job:
            seconds = self.ended(job, lambda: 100 + self.at_start())
            self.assertEqual(job.status, 0, job.text(job.errors))
        return seconds

    def test_slow_checkpoints_are_no_stall(self):
        """24 MB at 3 MB/s take longer than the stall timeout; the run waits for them, and they get on."""
        out = self.folder / "out"
        seconds = self.trained(self.program(SLOW_DISK=3000000), "--model", "rosenbrock", "--replicas", 3000000, "--agents", 1,
                               "--compressor", "none", "--lr", "1e-5", "--steps", 2, "--checkpoint-every", 1,
                               "--stall-timeout", 4, "--out", out)
        self.assertGreater(seconds, 2 * 24 / 3)  # both were waited for
        self.assertEqual({path.name for path in (out / "checkpoints").iterdir()}, {"checkpoint-1", "checkpoint-2"})

    def test_the_past_is_on_the_disk_before_its_old_log_goes(self):
        out, trace = self.folder / "out", self.folder / "trace"
        self.trained(PROGRAM, "--steps", 40, "--checkpoint-every", 20, "--log", "csv,hdf5,jsonl,summary", "--out", out)
        self.trained(self.program(DISK_TRACE=trace), "--resume", out, "--steps", 60)
        events = trace.read_text().splitlines()
        gone = min(events.index(f"remove {out}/{name}.previous") for name in ("run.h5", "metrics.csv"))
        for name in ("run.h5.part", "metrics.csv.part", "metrics.jsonl.part"):
            self.assertIn(f"flush {out}/{name}", events[:gone])
        self.assertIn(f"flush {out}", events[:gone])

    def test_the_log_of_a_long_run_is_bounded(self):
        """By default: every step of 10,000, of more 10,000 in all, beside the first and the last one."""
        for steps, apart in ((10000, 1), (25000, 3)):
            out = self.folder / f"{steps}"
            self.trained(PROGRAM, "--model", "quadratic:1,2", "--agents", 1, "--lr", "1e-3", "--steps", steps, "--out", out)
            logged = [int(line.split(",")[0]) for line in (out / "metrics.csv").read_text().splitlines()[1:]]
            self.assertEqual(logged, sorted({1, *range(apart, steps + 1, apart), steps}))

    def test_new_folders_are_on_the_disk(self):
        out, trace = self.folder / "new/out", self.folder / "trace"
        self.trained(self.program(DISK_TRACE=trace), "--steps", 2, "--checkpoint-every", 1, "--out", out)
        events = trace.read_text().splitlines()
        first = next(i for i, event in enumerate(events) if "/checkpoint-" in event)
        for folder in (self.folder, self.folder / "new", out):
            self.assertIn(f"flush {folder}", events[:first])


if __name__ == "__main__":
    main()
