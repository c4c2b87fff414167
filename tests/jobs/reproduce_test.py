#!/usr/bin/env python3
"""`tersegrad reproduce`, stopped and started again, and what it does with verdicts and with figures that cannot be run.

usage: reproduce_test.py SMALL_FIGURES LAUNCH_LOCAL FAILING_RUN

SMALL_FIGURES is the command with figures of a second each: fig1 (4 runs on all ranks, 4 dealt to them), fig2 (cannot be
run) and fig3 (a run and its SDE; a claim that fails, one whose premise is not met).
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import sys
import tempfile
import unittest

from jobs import PROGRAM, Job

LIMIT_S = 240


class Reproduce(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name)

    def reproduce(self, *arguments):
        return [PROGRAM, "reproduce", *arguments, "--ranks", "2", "--out", str(self.out)]  # whatever the machine

    def ended(self, *arguments):
        """Status, lines of output, errors of a job that is left alone; what launch/local remarks on few cores is none."""
        with Job(self.reproduce(*arguments)) as job:
            job.ended(LIMIT_S)
            errors = [line for line in job.text(job.errors).splitlines(True) if not line.startswith("launch/local:")]
            return job.status, job.text(job.output).splitlines(), "".join(errors)

    def finished(self, figure="fig1"):
        """{name: when it was written} of the finished runs."""
        return {path.parent.name: path.stat().st_mtime_ns for path in (self.out / figure / "runs").glob("*/run.h5")}

    @staticmethod
    def done_now(lines):
        return [found[1] for line in lines if (found := re.search(r": (\S+-\d+), .*; run \d+ of \d+", line))]

    def goes_on_after(self, runs, halted):
        """The last two runs of the model `halted`, behind so many finished ones, wait to be killed."""
        with Job(["env", f"SMALL_FIGURES_HALT={halted}", *self.reproduce("fig1")]) as job:
            job.wait_for(lambda: len(self.finished()) >= runs, f"run {runs}")
            for pid in job.processes():
                with contextlib.suppress(ProcessLookupError):  # the launcher has helpers of a moment
                    os.kill(pid, signal.SIGKILL)
            job.ended(LIMIT_S)
        before = self.finished()
        self.assertEqual(len(before), runs, "run.h5 of another run")
        self.assertFalse((self.out / "fig1" / "report.json").exists())
        status, lines, errors = self.ended("fig1")
        self.assertEqual((status, errors), (0, ""))
        self.assertIn(f"fig1: {len(before)} of 8 runs are there already", lines)
        after = self.finished()
        self.assertEqual(len(after), 8)
        self.assertEqual(sorted(self.done_now(lines)), sorted(set(after) - set(before)), "not just the unfinished runs")
        for name, written in before.items():
            self.assertEqual(after[name], written, f"{name} was run again")
        self.assertTrue((self.out / "fig1" / "figure.png").exists())

    def test_killed_between_runs_on_all_ranks(self):
        self.goes_on_after(2, "quadratic:1x10")

    def test_killed_between_dealt_runs(self):
        self.goes_on_after(6, "dealt")

    def test_a_damaged_run_is_done_again(self):
        self.assertEqual(self.ended("fig1")[0], 0)
        damaged = self.out / "fig1" / "runs" / "quadr-1" / "run.h5"
        damaged.write_bytes(damaged.read_bytes()[:1000])
        status, lines, _ = self.ended("fig1")
        self.assertEqual((status, self.done_now(lines)), (0, ["quadr-1"]))

    def test_verdicts_and_the_exit_status(self):
        self.assertEqual(self.ended("fig3")[0], 0)
        claims = json.loads((self.out / "fig3" / "report.json").read_text())["claims"]
        self.assertEqual([claim["verdict"] for claim in claims], ["holds", "fails", "inconclusive"])
        self.assertEqual(claims[2]["premise_not_met"], "it is not")
        status, lines, _ = self.ended("fig3", "--strict")
        self.assertEqual(status, 1)
        self.assertIn("fig3: 2 of 2 runs are there already", lines)  # the SDE's as well
        self.assertEqual(self.ended("fig1", "--strict")[0], 0)

    def test_all_goes_on_after_a_figure_that_cannot_be_run(self):
        status, lines, errors = self.ended("all")
        self.assertEqual(status, 1)
        self.assertEqual(errors.count("there is no landscape 'nowhere'"), 1)
        for figure in ("fig1", "fig3"):
            self.assertTrue((self.out / figure / "report.json").exists())
        self.assertFalse((self.out / "fig2" / "report.json").exists())
        self.assertTrue(any(re.match(r"fig2 +could not be run: .*nowhere", line) for line in lines), lines)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
