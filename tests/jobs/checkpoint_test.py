#!/usr/bin/python3
"""Runs that are stopped and go on: `tersegrad train --resume` gives what the uninterrupted run gives, bit for bit.

usage: checkpoint_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]
"""
import json
import os
import pathlib
import shutil
import signal
import time

import h5py

from jobs import Case, Job, local, main

PARTS = {"compute_s", "compress_s", "exchange_s", "apply_s"}
TIMES = {"time_s", "step_s_total"} | PARTS | {f"{part}_total" for part in PARTS}
BYTES = {"uplink_bytes", "downlink_bytes", "uplink_header_bytes", "downlink_header_bytes"}
OF_THE_EXCHANGE = BYTES | {f"{series}_total" for series in BYTES} | {"update_norm", "gradient_norm"}  # summed bucket by bucket
COUNTED = {"steps", "loss_first", "loss_last", "test_accuracy", "test_loss", "uplink_bytes_per_step", "downlink_bytes_per_step",
           "nonfinite_steps", "diverged", "interrupted", "parameters_fingerprint", "agents", "compressor", "noise"}
INTERRUPTED = 75


def rows(path, but=TIMES):
    """metrics.csv without some columns."""
    lines = [line.split(",") for line in pathlib.Path(path).read_text().splitlines()]
    kept = [i for i, name in enumerate(lines[0]) if name not in but]
    return [[line[i] for i in kept] for line in lines]


def series(path, but=TIMES):
    with h5py.File(path, "r") as file:
        return {name: data[:].tobytes() for name, data in file["series"].items() if name not in but}


class Runs(Case):
    """A folder for runs, and the comparison of two."""

    def job(self, *arguments, agents=2, ranks=None, status=0, options=(), limit_s=200):
        command = local(*arguments, agents=agents, ranks=ranks)
        command[1:1] = options
        with Job(command) as job:
            self.ended(job, lambda: limit_s + self.at_start())
            self.assertEqual(job.status, status, job.text(job.errors))
            return job.text(job.output), job.text(job.errors)

    def whole(self, name, *arguments, **how):
        out = self.folder / name
        self.job("train", *arguments, "--out", out, **how)
        return out

    def ours(self, errors):
        return [line for line in errors.splitlines() if line.startswith("tersegrad:")]

    def checkpoints(self, out):
        return sorted(int(path.name.removeprefix("checkpoint-")) for path in (out / "checkpoints").glob("checkpoint-*")
                      if not path.name.endswith(".part"))

    def assert_same(self, resumed, whole, bytes_too=True):
        """Everything but times: summary, both files of series, and nothing left over. Another exchange sends other bytes."""
        but = TIMES if bytes_too else TIMES | OF_THE_EXCHANGE
        counted = {key for key in COUNTED if bytes_too or "bytes" not in key}
        ends = [json.loads((out / "summary.json").read_text()) for out in (resumed, whole)]
        for key in sorted(counted & ends[1].keys()):
            self.assertEqual(ends[0][key], ends[1][key], key)
        self.assertEqual(rows(resumed / "metrics.csv", but), rows(whole / "metrics.csv", but))
        self.assertEqual(series(resumed / "run.h5", but), series(whole / "run.h5", but))
        left = {path.name for path in resumed.iterdir()} - {"checkpoints"}
        self.assertEqual(left - {"metrics.jsonl"}, {"run.h5", "metrics.csv", "summary.json"})
        self.assertEqual([], [path.name for path in (resumed / "checkpoints").iterdir() if path.name.endswith(".part")])

    def taken_back(self, whole, name, step):
        """What a run that died behind its checkpoint of `step` leaves: a copy of a finished one without its end."""
        out = self.folder / name
        shutil.copytree(whole, out)
        (out / "summary.json").unlink()
        for file in ("run.h5", "metrics.csv"):
            (out / file).rename(out / f"{file}.part")
        for other in self.checkpoints(out):
            if other > step:
                (out / "checkpoints" / f"checkpoint-{other}").unlink()
        self.assertIn(step, self.checkpoints(out))
        return out

    every = ("--steps", 60, "--checkpoint-every", 20, "--keep", 10, "--batch", 8, "--log-every", 7, "--eval-every", 25)


class Resume(Runs):
    """Bit for bit, for whatever a run remembers, on other numbers of ranks and through other exchanges."""

    def goes_on(self, *arguments, resumes=(({}, ()),)):
        whole = self.whole("whole", *self.every, *arguments, agents=2)
        self.assertEqual(self.checkpoints(whole), [20, 40, 60])
        for number, (how, others) in enumerate(resumes):
            out = self.taken_back(whole, f"resumed-{number}", 20 if number % 2 == 0 else 40)
            self.job("train", "--resume", out, *others, **how)
            with self.subTest(how=how, others=others):
                self.assert_same(out, whole, bytes_too="--exchange" not in others)
                self.assertEqual(self.checkpoints(out), [20, 40, 60])
        shutil.rmtree(whole)

    def test_none_on_other_ranks_and_exchanges(self):
        self.goes_on("--momentum", "0.9", "--compressor", "none",
                     resumes=(({"agents": 1}, ()), ({"ranks": 1}, ("--exchange", "allreduce", "--bucket", 512)),
                              ({"ranks": 2}, ("--exchange", "sharded"))))

    def test_sign_with_momentum(self):
        self.goes_on("--compressor", "sign", "--momentum", "0.9", "--lr", "0.01", resumes=(({"agents": 1}, ()),))

    def test_error_feedback(self):
        self.goes_on("--compressor", "ef:topk:0.01", "--lr", "0.05", resumes=(({"agents": 1}, ()), ({}, ("--exchange", "allgather"))))

    def test_ef21(self):
        self.goes_on("--compressor", "ef21:topk:0.01", "--lr", "0.05", resumes=(({"agents": 1}, ()), ({}, ("--exchange", "sharded"))))

    def test_signum(self):
        self.goes_on("--compressor", "signum:0.9", "--lr", "0.01", resumes=(({"agents": 1}, ()),))

    def test_randk_with_noise(self):
        self.goes_on("--compressor", "randk:0.01", "--noise", "student:3:0.01", "--lr", "0.01", "--schedule", "cosine", "--warmup", 30)

    def test_skipped_steps(self):
        """Steps without an update before and behind the checkpoint, in a compressor that remembers."""
        self.goes_on("--compressor", "signum:0.9", "--noise", "student:0.1:1", "--nonfinite", "skip", "--lr", "1e-3",
                     resumes=(({"agents": 1}, ()),))

    def test_a_landscape_with_replicas(self):
        self.goes_on_landscape("--model", "rosenbrock", "--replicas", 50, "--agents", 3, "--noise", "gaussian:0.1", "--lr", "1e-4",
                               "--compressor", "randk:1", "--start", "1.5,0.5")

    def goes_on_landscape(self, *arguments):
        run = ("--steps", 60, "--checkpoint-every", 20, "--keep", 10, *arguments)
        whole = self.whole("whole", *run, ranks=3)
        out = self.taken_back(whole, "resumed", 40)
        self.job("train", "--resume", out, ranks=2)
        self.assert_same(out, whole)

    def test_longer(self):
        """More steps go on from the finished run's own checkpoint, to where the longer run goes."""
        run = self.every[2:]
        whole = self.whole("whole", "--steps", 80, *run, "--compressor", "ef:topk:0.01", "--lr", "0.05")
        out = self.whole("short", "--steps", 60, *run, "--compressor", "ef:topk:0.01", "--lr", "0.05")
        self.job("train", "--resume", out, "--steps", 80)
        ends = [json.loads((folder / "summary.json").read_text()) for folder in (out, whole)]
        self.assertEqual(ends[0]["parameters_fingerprint"], ends[1]["parameters_fingerprint"])
        self.assertEqual(ends[0]["uplink_bytes_per_step"], ends[1]["uplink_bytes_per_step"])


class Refusals(Runs):
    """What cannot go on says why, in one line, and changes nothing."""

    def setUp(self):
        super().setUp()
        self.out = self.whole("whole", *self.every, "--compressor", "sign", "--lr", "0.01")

    def test_lines(self):
        part = self.taken_back(self.out, "part", 40)
        for folder, arguments, *parts in (
                (self.folder / "none", (), "no folder"),
                (self.out, (), "finished", "60 steps"),
                (self.out, ("--steps", 50), "finished"),
                (part, ("--lr", "0.02"), "--lr", "0.01", "0.02"),
                (part, ("--compressor", "none"), "--compressor", "sign"),
                (part, ("--agents", 3), "--agents"),
                (part, ("--log-every", 1), "--log-every"),
                (part, ("--seed", 2), "--seed"),
                (part, ("--steps", 30), "40 steps"),
                (part, ("--out", self.out), "--out"),
                (part, ("--overwrite",), "--overwrite"),
                (part, ("--sde=1",), "--sde")):
            with self.subTest(arguments=arguments):
                before = (folder / "run.h5.part").exists()
                self.refused(local("train", "--resume", folder, *arguments, ranks=2), *parts)
                self.assertEqual((folder / "run.h5.part").exists(), before)
        self.job("train", "--resume", part, "--lr", "0.010", "--compressor", "sign", "--checkpoint-every", "30min")  # agrees
        self.assert_same(part, self.out)

    def test_no_checkpoints(self):
        out = self.whole("plain", "--steps", 5)
        self.refused(local("train", "--resume", out), "no checkpoints", "--checkpoint-every")

    def test_options(self):
        run = ("train", "--steps", 5, "--checkpoint-every")
        self.refused(local(*run, 2), "--out")
        for value in ("-1", "x", "min", "-3min", "0.5"):
            self.refused(local(*run, value, "--out", self.folder / "new"), "checkpoint-every")
        self.refused(local(*run, 2, "--keep", 0, "--out", self.folder / "new"), "--keep")
        self.refused(local(*run, 2, "--log", "csv", "--out", self.folder / "new"), "hdf5", "csv")
        self.refused(local(*run, 2, "--model", "saddle", "--sde", "--out", self.folder / "new"), "--sde")

    def test_another_schedule(self):
        out = self.whole("cosine", *self.every, "--schedule", "cosine")
        self.refused(local("train", "--resume", out, "--steps", 100), "cosine", "60")

    def test_a_damaged_one(self):
        part = self.taken_back(self.out, "part", 40)
        newest = part / "checkpoints" / "checkpoint-40"
        content = bytearray(newest.read_bytes())
        content[len(content) // 2] ^= 1
        newest.write_bytes(content)
        _, errors = self.job("train", "--resume", part)
        lines = self.ours(errors)
        self.assertEqual(len(lines), 1, errors)
        self.assertIn("checkpoint-40", lines[0])
        self.assertIn("going back", lines[0])
        self.assert_same(part, self.out)

    def test_a_torn_log(self):
        """What a kill can do to run.h5: the past then comes from metrics.csv; without that too, nothing goes on or is lost."""
        part = self.taken_back(self.out, "part", 40)
        os.truncate(part / "run.h5.part", (part / "run.h5.part").stat().st_size // 2)
        table = (part / "metrics.csv.part").read_bytes()
        (part / "metrics.csv.part").write_bytes(table[:len(table) // 10])
        for _ in range(2):
            with Job(local("train", "--resume", part)) as job:
                self.ended(job, self.at_start)
                self.assertEqual(job.status, 1, job.text(job.errors))
                self.one_line(job, "run.h5.previous", "metrics.csv.previous", "records of the run's past are lost")
        (part / "metrics.csv.previous").write_bytes(table)
        _, errors = self.job("train", "--resume", part)
        lines = self.ours(errors)
        self.assertEqual(len(lines), 1, errors)
        self.assertIn("run.h5.previous", lines[0])
        self.assertIn("come from", lines[0])
        self.assert_same(part, self.out)

    def test_all_damaged(self):
        part = self.taken_back(self.out, "part", 40)
        for step in (20, 40):
            os.truncate(part / "checkpoints" / f"checkpoint-{step}", 100)
        with Job(local("train", "--resume", part)) as job:
            self.ended(job, self.at_start)
            self.assertNotEqual(job.status, 0)
            self.assertIn("none of its 2 checkpoints is sound", job.text(job.errors))

    def test_overwrite_removes_them(self):
        out = self.whole("whole", "--steps", 3, "--overwrite")
        self.assertFalse((out / "checkpoints").exists())


class Signals(Runs):
    """SIGTERM and SIGINT: a checkpoint, status 75, and the run goes on."""

    run_ = ("--checkpoint-every", 10**7, "--log-every", 50, "--compressor", "signum:0.9", "--lr", "1e-3")

    def stopped(self, tell):
        """A run without an end, on machines of any speed: it goes on for some steps behind the one where it was stopped."""
        out = self.folder / "stopped"
        with Job(local("train", "--steps", 10**8, *self.run_, "--out", out, agents=2)) as job:
            job.wait_for(lambda: "step " in job.text(job.output), "the first step")
            tell(job)
            seconds = self.ended(job, self.in_run, time.monotonic())
            self.assertEqual(job.status, INTERRUPTED, job.text(job.errors))
            self.assertEqual(self.ours(job.text(job.errors)), [])
            self.assertIn(f"train --resume {out}", job.text(job.output))
        self.assertFalse((out / "summary.json").exists())
        steps = self.checkpoints(out)
        self.assertEqual(len(steps), 1)
        self.report(seconds, f"stopped behind step {steps[0]}")
        whole = self.whole("whole", "--steps", steps[0] + 200, *self.run_)
        self.job("train", "--resume", out, "--steps", steps[0] + 200)
        self.assert_same(out, whole)

    def test_terminate_the_launcher(self):
        self.stopped(lambda job: job.process.terminate())

    def test_interrupt_the_launcher(self):
        self.stopped(lambda job: os.kill(job.process.pid, signal.SIGINT))

    def test_one_rank(self):
        self.stopped(lambda job: os.kill(job.rank(1), signal.SIGTERM))

    def test_longer_than_the_grace(self):
        """A step that outlasts the grace is lost; what was saved before is not."""
        out = self.folder / "frozen"
        command = local("train", "--steps", 10**8, "--checkpoint-every", 20, "--out", out, agents=2)
        command[1:1] = ["--grace", "1"]
        with Job(command) as job:
            job.wait_for(lambda: out.joinpath("checkpoints").is_dir() and self.checkpoints(out), "a checkpoint")
            os.kill(job.rank(2), signal.SIGSTOP)
            job.process.terminate()
            self.ended(job, lambda: 3 + self.in_run(), time.monotonic())
            self.assertNotIn(job.status, (0, INTERRUPTED))
        newest = self.checkpoints(out)[-1]
        self.job("train", "--resume", out, "--steps", newest + 5)


if __name__ == "__main__":
    main()
