#!/usr/bin/python3
"""Files that go while a run goes on: data, the output folder, the room for it. As input_test.py, whose tools it uses.

usage: lost_files_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN
"""
import json
import os
import resource
import shutil
import signal
import sys
import time
import unittest

from checkpoint_test import rows
from input_test import idx_images, idx_labels
from jobs import Case, is_logged


class LostFiles(Case):
    """In the middle of a run. What must not be lost is not; what is lost ends the run in one line."""

    def test_data_files(self):
        """They are in the run's hands before its first step: nothing is missed, not even by its evaluations."""
        data = self.folder / "data/mnist"
        data.mkdir(parents=True)
        for split, count in (("train", 40), ("t10k", 20)):
            (data / f"{split}-images-idx3-ubyte").write_bytes(idx_images(count, count))
            (data / f"{split}-labels-idx1-ubyte").write_bytes(idx_labels([i % 10 for i in range(count)]))
        out = self.folder / "out"
        with self.running("--dataset", "mnist", "--data", self.folder / "data", "--batch", 4, "--eval-every", 50, out=out) as job:
            shutil.rmtree(data)
            figures = lambda: sum(row[-1] not in ("", "nan") for row in rows(out / "metrics.csv.part")[1:])
            before = figures()
            job.wait_for(lambda: figures() > before + 1, "an evaluation without the files")
            os.kill(job.rank(1), signal.SIGTERM)
            seconds = self.ended(job, self.in_run, time.monotonic())
            self.assertEqual(job.status, 75, job.text(job.errors))  # by the signal
        summary = json.loads((out / "summary.json").read_text())
        self.assertTrue(summary["interrupted"])
        self.report(seconds, "went on without its data files")

    def test_the_output_folder(self):
        """Whatever a run still writes into files without a name would be lost: it ends, and says what it misses."""
        out = self.folder / "out"
        with self.running(out=out) as job:
            job.wait_for(lambda: is_logged(out), "the first flush of the log")
            shutil.rmtree(out)
            os.kill(job.rank(2), signal.SIGTERM)
            seconds = self.ended(job, self.in_run, time.monotonic())
            self.assertNotEqual(job.status, 0)
            line = self.one_line(job, "rank 0", str(out))
        self.report(seconds, line)

    def test_the_output_folder_is_missed_at_once(self):
        """Nothing but the removal: neither a signal nor the end of the run."""
        for sink in ("csv", "hdf5", "jsonl"):
            out = self.folder / sink
            with self.subTest(sink=sink), self.running("--log", f"console,{sink}", out=out) as job:
                job.wait_for(lambda: any(out.glob("*.part")), "the log")
                shutil.rmtree(out)
                seconds = self.ended(job, lambda: 30 + self.in_run(), time.monotonic())
                self.assertEqual(job.status, 70)
                self.report(seconds, self.one_line(job, "rank 0", str(out), "was removed"))

    def test_a_limit_on_file_sizes(self):
        """RLIMIT_FSIZE: rank 0 cannot write what a file has no room for. It must not be killed without a word."""
        out = self.folder / "out"
        with self.running(out=out) as job:
            job.wait_for(lambda: is_logged(out), "the first flush of the log")
            room = (out / "metrics.csv.part").stat().st_size + 4096
            resource.prlimit(job.rank(0), resource.RLIMIT_FSIZE, (room, room))
            seconds = self.ended(job, lambda: 30 + self.in_run(), time.monotonic())
            self.assertNotEqual(job.status, 0)
            line = self.one_line(job, "rank 0", str(out), "File too large")
        self.report(seconds, line)


if __name__ == "__main__":
    result = unittest.main(argv=[sys.argv[0], "-v"], exit=False).result
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
