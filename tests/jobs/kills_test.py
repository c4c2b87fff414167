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
    """SIGKILL at random moments, checkpoints being written included, until the run is through. The first comes as soon as
    there is a checkpoint: some start goes on from one, on a machine of any speed."""

    # The agents by number: a run that is killed before its first checkpoint begins again, on any number of ranks.
    steps = 6000
    run_ = ("--agents", 2, "--checkpoint-every", 40, "--log-every", 3, "--eval-every", 500, "--compressor",
            "ef:topk:0.01", "--lr", "0.02", "--momentum", "0.5", "--log", "console,csv,jsonl,hdf5,summary")

    def long_enough(self):
        """Arguments, folder and seconds of the whole run: of so many steps that half of its time is spent on them."""
        steps = self.steps
        while True:
            run = ("--steps", steps, *self.run_)
            began = time.monotonic()
            whole = self.whole(f"whole-{steps}", *run, agents=2, limit_s=600)
            whole_s = time.monotonic() - began
            if json.loads((whole / "summary.json").read_text())["time_total_s"] >= 0.4 * whole_s:
                return run, whole, whole_s
            steps *= 4

    def next_start(self, run, out):
        sound = (out / "checkpoints").is_dir() and self.checkpoints(out)
        return ("train", "--resume", out) if sound else ("train", *run, "--out", out, "--overwrite")

    def test_random_moments(self):
        kills = int(os.environ.get("TERSEGRAD_KILLS", 4))
        seed = int(os.environ.get("TERSEGRAD_SEED", time.time_ns() % 10**6))
        chance = random.Random(seed)
        start = time.monotonic()
        run, whole, whole_s = self.long_enough()
        out = self.folder / "killed"
        made, writing, rounds, resumed, ends = 0, 0, 0, 0, 0
        arguments, ranks = ("train", *run, "--out", out), 3
        while made < kills:
            rounds += 1
            with Job(local(*arguments, ranks=ranks)) as job:
                # Runs of a few checkpoints each; some are killed while they start, or take up their log.
                until = time.monotonic() + chance.random() * (Case.startup_s + whole_s / kills * 1.5)
                in_write = chance.random() < 0.3
                if made == 0:
                    job.wait_for(lambda: (out / "checkpoints").is_dir() and self.checkpoints(out), "a checkpoint", 600)
                    until = time.monotonic()
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
            if made == kills:
                break
            ranks = chance.choice([2, 3])
            arguments = self.next_start(run, out)
            resumed += "--resume" in arguments
        if not (out / "summary.json").exists():
            arguments = self.next_start(run, out)
            resumed += "--resume" in arguments
            self.job(*arguments, ranks=3, limit_s=600)
        print(f"seed {seed}: {made} kills in {rounds} starts, {resumed} starts from a checkpoint, {writing} while a checkpoint was written, "
              f"{'finished early' if ends else 'finished behind them'}; {time.monotonic() - start:.0f} s", flush=True)
        self.assertGreater(made, 0)
        self.assertGreater(resumed, 0)
        # Killed behind its last write, a run is finished, and may have had no time to clear away.
        for left in (out / ".tersegrad-lock", *(out / "checkpoints").glob("*.part")):
            left.unlink(missing_ok=True)
        self.assert_same(out, whole)
        lines = [[json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()] for folder in (out, whole)]
        self.assertEqual(lines[0], lines[1])


if __name__ == "__main__":
    main()
