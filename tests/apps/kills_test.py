#!/usr/bin/python3
"""Runs that are killed at random moments and go on.

usage: kills_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]

TERSEGRAD_KILLS=50 makes Kills kill that many times instead of a few; TERSEGRAD_SEED repeats a run's moments.
"""
import contextlib
import json
import os
import random
import signal
import time

from checkpoint_test import Runs
from jobs import Case, Job, local, main


class Kills(Runs):
    """SIGKILL at random moments, checkpoints being written included, until the run is through."""

    # The agents by number: a run that is killed before its first checkpoint begins again, on any number of ranks.
    run_ = ("--agents", 2, "--steps", 6000, "--checkpoint-every", 40, "--log-every", 3, "--eval-every", 500, "--compressor",
            "ef:topk:0.01", "--lr", "0.02", "--momentum", "0.5", "--log", "console,csv,jsonl,hdf5,summary")

    def test_random_moments(self):
        kills = int(os.environ.get("TERSEGRAD_KILLS", 4))
        seed = int(os.environ.get("TERSEGRAD_SEED", time.time_ns() % 10**6))
        chance = random.Random(seed)
        start = time.monotonic()
        whole = self.whole("whole", *self.run_, agents=2, limit_s=600)
        whole_s = time.monotonic() - start
        out = self.folder / "killed"
        made, writing, rounds, ends = 0, 0, 0, 0
        arguments, ranks = ("train", *self.run_, "--out", out), 3
        while made < kills:
            rounds += 1
            with Job(local(*arguments, ranks=ranks)) as job:
                # Runs of a few checkpoints each; some are killed while they start, or take up their log.
                until = time.monotonic() + chance.random() * (Case.startup_s + whole_s / kills * 1.5)
                in_write = chance.random() < 0.3
                while job.process.poll() is None and time.monotonic() < until:
                    time.sleep(0.001)
                    if in_write and list((out / "checkpoints").glob("*.part")) if (out / "checkpoints").is_dir() else False:
                        break
                being_written = (out / "checkpoints").is_dir() and bool(list((out / "checkpoints").glob("*.part")))
                if job.process.poll() is not None and job.process.returncode == 0:
                    ends += 1
                    break
                alone = list(job.ranks().values())
                victims = [chance.choice(alone)] if alone and chance.random() < 0.5 else job.processes()
                for pid in victims:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                made += 1
                writing += being_written
                self.ended(job, lambda: self.in_run() + 3, time.monotonic())
            if (out / "summary.json").exists():
                break
            ranks = chance.choice([2, 3])
            sound = (out / "checkpoints").is_dir() and self.checkpoints(out)
            arguments = ("train", "--resume", out) if sound else ("train", *self.run_, "--out", out, "--overwrite")
        if not (out / "summary.json").exists():
            self.job(*arguments, ranks=3, limit_s=600)
        print(f"seed {seed}: {made} kills in {rounds} starts, {writing} while a checkpoint was written, "
              f"{'finished early' if ends else 'finished behind them'}; {time.monotonic() - start:.0f} s", flush=True)
        self.assert_same(out, whole)
        lines = [[json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()] for folder in (out, whole)]
        self.assertEqual(lines[0], lines[1])


if __name__ == "__main__":
    main()
