#!/usr/bin/env python3
"""Runs of very many steps: no growth in memory, a log as long as its records, a run.h5 that others read meanwhile, and
clocks that somebody sets.

usage: long_run_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]; with TERSEGRAD_LONG=full in the environment 10⁶
steps of a landscape and 10⁵ of a network, else as many as take seconds. SHIFTED_CLOCK in the environment is the path of
the library of shifted_clock.c.
"""
import csv
import json
import os
import pathlib
import time
import unittest

from jobs import PROGRAM, Case, Job, is_logged, local, main

FULL = os.environ.get("TERSEGRAD_LONG") == "full"
GROWTH = 1.02  # of a rank's resident memory, at most, from the end of the warm-up on
WARM_UP = 0.2  # of the run
LONG_S = 6  # shorter runs have too few samples: machines differ by an order of magnitude in steps per second


def resident_kb(process):
    """VmRSS; None if the process has ended."""
    try:
        status = pathlib.Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(found[0]) if found else None


class Memory(Case):
    def is_flat(self, steps, log_every, *arguments, ranks):
        """So many steps, or four times, sixteen times, … as many: as soon as they take LONG_S."""
        while not self.lasted(steps, log_every, *arguments, ranks=ranks):
            steps *= 4

    def lasted(self, steps, log_every, *arguments, ranks):
        """Judges a run of so many steps. \\returns false, without a judgement of its memory, if it took less than LONG_S"""
        out = self.folder / f"out-{steps}"
        command = local("train", "--agents", 2, "--steps", steps, "--log-every", log_every, *arguments, "--out", out, ranks=ranks)
        samples, read = {}, []
        with Job(command) as job:
            job.wait_for(lambda: "step " in job.text(job.output), "the first step")
            processes = job.ranks()
            self.assertEqual(len(processes), ranks)
            began = looked = time.monotonic()
            while job.process.poll() is None:
                for rank, process in processes.items():
                    if (kb := resident_kb(process)) is not None:
                        samples.setdefault(rank, []).append((time.monotonic() - began, kb))
                if time.monotonic() - looked > (20 if FULL else 1.5):
                    looked = time.monotonic()
                    if job.process.poll() is None:
                        read.append(is_logged(out) or job.process.poll() is not None)
                time.sleep(0.5 if FULL else 0.05)
            self.assertEqual(self.ended_well(job), 0, job.text(job.errors))
            lines = job.text(job.output).splitlines()
        summary = json.loads((out / "summary.json").read_text())
        self.assertEqual((summary["steps"], summary["diverged"]), (steps, False))
        seconds = max(at for at, _ in samples[0])
        parts = {rank: ([kb for at, kb in series if at <= WARM_UP * seconds], [kb for at, kb in series if at > WARM_UP * seconds])
                 for rank, series in samples.items()}
        # On a busy machine it may be the job's end that lasted, not its steps.
        if time.monotonic() - began < LONG_S or min(len(part) for both in parts.values() for part in both) <= 3:
            return False

        self.assertTrue(read and all(read), f"whether a second process could read the open run.h5: {read}")
        for rank, series in sorted(samples.items()):
            warm, after = parts[rank]
            print(f"{steps} steps in {seconds:.0f} s, rank {rank}: {warm[-1] / 1024:.1f} MB behind the warm-up, then at most "
                  f"{max(after) / 1024:.1f} MB ({100 * (max(after) / warm[-1] - 1):+.2f} %), last {after[-1] / 1024:.1f} MB", flush=True)
            self.assertLess(max(after), GROWTH * warm[-1], f"rank {rank} grows: {[kb for _, kb in series[::max(1, len(series) // 20)]]}")

        records = steps // log_every + 2
        sizes = {name: (out / name).stat().st_size for name in ("metrics.csv", "run.h5")}
        print(f"{records} records: {sizes}, {len(lines)} lines on standard output; read meanwhile {len(read)} times", flush=True)
        self.assertLess(sizes["metrics.csv"], 20 * 25 * records + 2000)  # 25 series; a number of 17 digits is 20 characters or so
        self.assertLess(sizes["run.h5"], 300 * records + 1_000_000)
        self.assertLess(len(lines), 100)
        return True

    def ended_well(self, job):
        self.ended(job, self.in_run, time.monotonic())
        return job.status

    def test_a_landscape_through_the_server(self):
        self.is_flat(1_000_000 if FULL else 100_000, 100, "--model", "quadratic:condition=10,dim=100", "--noise", "gaussian:0.1",
                     "--compressor", "sign", "--lr", "1e-4", ranks=2)

    def test_a_network_with_memory_checkpoints_and_evaluations(self):
        # An evaluation needs more memory than a step. The first ones are in the warm-up, so that the last one, at the end, is
        # no growth; one that kept what it took would be.
        every = 5000 if FULL else 500
        self.is_flat(100_000 if FULL else 10_000, 10, "--model", "mlp", "--compressor", "ef:topk:0.01", "--exchange", "sharded",
                     "--lr", "0.001", "--batch", 8, "--checkpoint-every", every, "--eval-every", every, ranks=2)


@unittest.skipUnless("SHIFTED_CLOCK" in os.environ, "the library of a shifted clock is not there")
class Clock(Case):
    """The time of day jumps by a day to and fro, every second, on every rank: nothing in a run may notice."""

    timed = 20 if FULL else 3  # checkpoints, one every 1.2 s

    def trained(self, out, program, *arguments, in_run=None):
        """`in_run` is called with the run's job and folder, and stops it; else it ends by itself. \returns its seconds"""
        with Job(local("train", *arguments, out, agents=2, program=program)) as job:
            if in_run is not None:
                in_run(job, out)
            seconds = self.ended(job, lambda: 400 + self.at_start())
            self.assertEqual(job.status, 0 if in_run is None else 75, job.text(job.errors))
            self.assertNotIn("tersegrad:", job.text(job.errors))
        return seconds

    @staticmethod
    def written(out):
        return sorted(int(path.name.split("-")[1]) for path in (out / "checkpoints").glob("checkpoint-*[0-9]"))

    def stop(self, job, out):
        """Behind so many timed checkpoints, and thereby more seconds and jumps, on a machine of any speed."""
        job.wait_for(lambda: len(self.written(out)) >= self.timed, "a checkpoint by time")
        library = os.path.realpath(os.environ["SHIFTED_CLOCK"])
        for rank, process in job.ranks().items():
            self.assertIn(library, pathlib.Path(f"/proc/{process}/maps").read_text(), f"rank {rank} has the steady time of day")
        job.process.terminate()

    def test_jumps(self):
        program = self.folder / "program"
        program.write_text(f'#!/bin/sh\nLD_PRELOAD={os.environ["SHIFTED_CLOCK"]} exec {PROGRAM} "$@"\n')
        program.chmod(0o755)
        run = ("--compressor", "sign", "--lr", "0.001", "--log-every", 10, "--stall-timeout", 20)
        steady, jumping = self.folder / "steady", self.folder / "jumping"
        seconds = self.trained(jumping, str(program), "--steps", 10**8, *run, "--checkpoint-every", "0.02min", "--keep", 1000, "--out",
                               in_run=self.stop)
        written = self.written(jumping)
        steps = written[-1] + 100
        seconds += self.trained(jumping, str(program), "--steps", steps, "--resume")
        self.trained(steady, PROGRAM, "--steps", steps, *run, "--out")
        ends = [json.loads((out / "summary.json").read_text()) for out in (steady, jumping)]
        self.assertEqual(ends[0]["parameters_fingerprint"], ends[1]["parameters_fingerprint"])
        for key, value in ends[1].items():
            if key.startswith("time_"):
                self.assertTrue(0 <= value <= seconds, f"{key} is {value} of {seconds} s")
        with (jumping / "metrics.csv").open() as metrics:
            times = [float(row["time_s"]) for row in csv.DictReader(metrics)]
        self.assertEqual(times, sorted(times))
        self.assertTrue(0 <= times[0] and times[-1] <= seconds, times)
        print(f"{len(written)} checkpoints, {self.timed} by time, in {times[-1]:.1f} s")
        # The timed ones lie 1.2 s apart at least, the last one is the stop's.
        self.assertGreater(times[-1], 1.2 * self.timed - 0.2)
        self.assertLessEqual(len(written), times[-1] / 1.2 + 2)
        self.assertTrue(0 < written[0] < written[-1] < ends[1]["steps"], written)


if __name__ == "__main__":
    main()
