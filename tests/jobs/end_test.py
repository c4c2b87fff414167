#!/usr/bin/python3
"""The end of a run: what a signal or a kill in its evaluation costs (nothing but that), and which rows are evaluated.

usage: end_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]
"""
import array
import csv
import json
import os
import signal
import struct
import time

from checkpoint_test import INTERRUPTED, Runs
from jobs import Job, alone, local, main

CONTEXT = 64


def write_shard(path, tokens):
    """A token shard as llm.c writes it."""
    ids = array.array("H", ((i * i // 7) % 256 for i in range(4096)))
    whole = ids * (tokens // len(ids) + 1)
    path.write_bytes(struct.pack("<256i", 20240520, 1, tokens, *[0] * 253) + whole[:tokens].tobytes())


class Tokens(Runs):
    """A small language model on a text whose last part takes long to evaluate."""

    rows = 4000  # evaluated; more where a machine is too fast to be stopped meanwhile

    def setUp(self):
        super().setUp()
        self.data = self.folder / "data"
        self.data.mkdir()
        write_shard(self.data / "train.bin", 65 * CONTEXT)
        write_shard(self.data / "val.bin", 400_000 * CONTEXT // 8)

    def run_(self, *arguments):
        return ("--model", f"gpt2:layers=4,heads=2,width=64,context={CONTEXT},vocab=256", "--dataset", f"tokens:context={CONTEXT},vocab=256",
                "--data", self.data, "--batch", 2, "--lr", "0.01", "--eval-samples", Tokens.rows, *map(str, arguments))

    def caught(self, name, ready, tell, *arguments, options=(), status=INTERRUPTED):
        """A run that `tell` is called for once `ready` says so, in its evaluation, where it has not ended by then: else with
        four times as many rows. \\returns its folder, its output and the seconds from there to its end"""
        while True:
            out = self.folder / f"{name}-{Tokens.rows}"
            command = local("train", *self.run_(*arguments), "--out", out, agents=2)
            command[1:1] = options
            with Job(command) as job:
                while not (there := ready(out, job)) and job.process.poll() is None:
                    time.sleep(0.005)
                if there and not (out / "summary.json").exists():
                    told = time.monotonic()
                    tell(job)
                    seconds = self.ended(job, lambda: 100 + self.in_run() if status == 0 else self.in_run(), told)
                    if job.status != 0 or "restart" in job.text(job.errors):
                        self.assertEqual(job.status, status, job.text(job.errors))
                        return out, job.text(job.output), seconds
                self.ended(job, lambda: 100 + self.at_start(), time.monotonic())
                self.assertEqual(job.status, 0, job.text(job.errors))
            self.assertLess(Tokens.rows, 40_000, "an evaluation that cannot be caught")
            Tokens.rows *= 4

    @staticmethod
    def says_so(out, job):
        return "evaluating … " in job.text(job.output)

    def is_saved(self, step):
        return lambda out, job: (out / "checkpoints" / f"checkpoint-{step}").exists()


class End(Tokens):
    """Log and checkpoint are there before the evaluation begins, and it can be made later."""

    every = ("--steps", 4, "--checkpoint-every", 3)

    def whole_run(self, *arguments):
        out = self.folder / f"whole-{len(list(self.folder.iterdir()))}"
        output, _ = self.job("train", *self.run_(*arguments), "--out", out)
        return out, output

    def check_unevaluated(self, out):
        summary = json.loads((out / "summary.json").read_text())
        self.assertEqual((summary["steps"], summary["interrupted"]), (4, True))
        for key in ("test_accuracy", "test_loss", "test_rows"):
            self.assertIsNone(summary[key], key)
        self.assertTrue((out / "run.h5").exists())
        with (out / "metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["step"] for row in rows], ["1", "2", "3", "4"])
        self.assertEqual([row for row in rows if row["test_loss"] not in ("", "nan")], [])

    def check_only_evaluates(self, out, whole, **how):
        output, _ = self.job("train", "--resume", out, **how)
        self.assertNotIn("step 1/4", output)
        self.assertIn("step 4/4", output)
        self.assert_same(out, whole)
        self.refused(local("train", "--resume", out), "finished")

    def test_signals(self):
        """To the launcher, and to one rank alone: the others are in the middle of their chunks."""
        ends = []
        for name, tell in (("launcher", lambda job: job.process.terminate()), ("rank", lambda job: os.kill(job.rank(1), signal.SIGINT))):
            out, output, seconds = self.caught(name, self.says_so, tell, *self.every)
            self.report(seconds, f"a signal to the {name} in the evaluation")
            self.assertIn(f"train --resume {out}", output)
            self.check_unevaluated(out)
            self.assertEqual(self.checkpoints(out), [3, 4])
            ends.append((out, Tokens.rows))
        for out, rows in ends:
            Tokens.rows = rows
            whole, output = self.whole_run(*self.every)
            self.check_only_evaluates(out, whole, ranks=2 if out is ends[0][0] else 3)

    def test_kills(self):
        """SIGKILL leaves a run to resume; --elastic does so by itself."""
        def kill(job):
            for rank in job.ranks().values():
                os.kill(rank, signal.SIGKILL)
        out, _, _ = self.caught("killed", self.is_saved(4), kill, *self.every, status=137)
        self.assertFalse((out / "summary.json").exists())
        rows = Tokens.rows
        whole, _ = self.whole_run(*self.every)
        self.check_only_evaluates(out, whole)
        out, output, _ = self.caught("elastic", self.is_saved(4), lambda job: os.kill(job.rank(2), signal.SIGKILL), *self.every,
                                     options=("--elastic", "restart"), status=0)
        if Tokens.rows != rows:
            whole, _ = self.whole_run(*self.every)
        self.assert_same(out, whole)

    def test_in_the_middle(self):
        """An evaluation between two steps is made again, and the series shows no trace of it."""
        every = (*self.every, "--eval-every", 2)
        out, output, seconds = self.caught("middle", lambda out, job: self.says_so(out, job) and not self.is_saved(4)(out, job),
                                           lambda job: job.process.terminate(), *every)
        self.report(seconds, "a signal in an evaluation between two steps")
        self.assertFalse((out / "summary.json").exists())
        self.assertEqual(self.checkpoints(out), [2])
        whole, _ = self.whole_run(*every)
        self.job("train", "--resume", out, ranks=2)
        self.assert_same(out, whole)

    def test_without_checkpoints(self):
        """The steps' results stay; there is nothing to go on with."""
        out, output, _ = self.caught("plain", self.says_so, lambda job: job.process.terminate(), "--steps", 4)
        self.assertNotIn("--resume", output)
        self.assertIn("interrupted in the evaluation", output)
        self.check_unevaluated(out)

    def test_longer(self):
        """More steps go on from an unevaluated run, and from an evaluated one, whose figures stay."""
        out, _, _ = self.caught("longer", self.says_so, lambda job: job.process.terminate(), *self.every)
        self.job("train", "--resume", out, "--steps", 6)
        whole, _ = self.whole_run("--steps", 6, "--checkpoint-every", 3)
        self.assert_same(out, whole)
        self.job("train", "--resume", out, "--steps", 7)
        with (out / "metrics.csv").open() as file:
            figures = [row["step"] for row in csv.DictReader(file) if row["test_loss"] not in ("", "nan")]
        self.assertEqual(figures, ["6", "7"])


class EvalSamples(Runs):
    """--eval-samples: which rows, and that it is said."""

    def summary_of(self, *arguments, agents=1):
        out = self.folder / f"out-{len(list(self.folder.iterdir()))}"
        output, _ = self.job("train", "--steps", 3, *arguments, "--out", out, agents=agents)
        return json.loads((out / "summary.json").read_text()), output, (out / "metrics.csv").read_text()

    def test_counts(self):
        data = self.folder / "data"
        data.mkdir()
        write_shard(data / "train.bin", 1000)
        write_shard(data / "val.bin", 600_001)
        tokens = ("--model", "gpt2:layers=1,heads=1,width=4,context=256,vocab=256", "--dataset", "tokens:context=256,vocab=256", "--data",
                  data, "--batch", 1)
        for arguments, rows, remark in (
                ((), 114, None), (("--eval-samples", "all"), 114, None), (("--eval-samples", 1000), 114, None),
                (("--eval-samples", 20), 20, "on 20 of 114 test rows"),
                ((*tokens,), 512, "on 512 of 2343 test rows"), ((*tokens, "--eval-samples", "all"), 2343, None)):
            with self.subTest(arguments=arguments):
                summary, output, _ = self.summary_of(*arguments)
                self.assertEqual(summary["test_rows"], rows)
                self.assertIsNotNone(summary["test_accuracy"])
                self.assertIn(remark or "test accuracy", output)
                self.assertEqual("--eval-samples" in output, remark is not None)

    def test_any_number_of_ranks(self):
        ends = [self.summary_of("--agents", 2, "--eval-samples", 50, "--eval-every", 2, agents=agents)[0] for agents in (1, 2)]
        self.assertEqual(*[(end["test_loss"], end["test_accuracy"], end["test_rows"]) for end in ends])

    def test_no_evaluation(self):
        """No figures, no columns, no words: the keys of summary.json alone."""
        for arguments in (("--eval-every", -1), ("--model", "rosenbrock", "--lr", "1e-4"),
                          ("--model", "saddle", "--sde", "--lr", "1e-4")):
            with self.subTest(arguments=arguments):
                summary, output, table = self.summary_of(*arguments)
                self.assertIn("test_accuracy", summary)
                for key in ("test_accuracy", "test_loss", "test_rows"):
                    self.assertIsNone(summary[key])
                self.assertNotIn("accuracy", output)
                self.assertNotIn("test_", table.splitlines()[0])
                self.assertNotIn("nan", table)

    def test_values(self):
        for value in ("0", "-1", "x", "1.5", "", "alle"):
            self.refused(alone("--eval-samples", value), "--eval-samples", "all")
        self.refused(alone("--eval-samples", 5, "--eval-every", -1), "--eval-samples", "--eval-every")
        self.refused(alone("--eval-samples", 5, "--model", "saddle"), "--eval-samples", "saddle")


if __name__ == "__main__":
    main()
