#!/usr/bin/env python3
"""Ranks that neither fail nor go on, and runs that the launcher starts again.

usage: stall_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]
"""
import json
import os
import signal
import time

from jobs import FAILING_RUN, Case, Job, local, main

FAILED_RANK = 70
TIMEOUT_S = 3


class Stalls(Case):
    """--stall-timeout: the job ends on every rank, in one line that names the rank which holds it up."""

    def stalls(self, how, rank, *parts, ranks=4):
        with Job(local(how, rank, TIMEOUT_S, ranks=ranks, program=FAILING_RUN)) as job:
            seconds = self.ended(job, lambda: 1.5 * TIMEOUT_S + 2 + self.at_start())
            line = self.one_line(job, *parts, only=False)
            self.assertEqual(job.status, FAILED_RANK)
        self.report(seconds, line)

    def test_an_endless_loop(self):
        self.stalls("loop", 2, "rank 2 of 4", "no progress", "step 4", "--stall-timeout 3")

    def test_an_endless_loop_of_the_server(self):
        self.stalls("loop", 0, "rank 0 of 4", "no progress", "step 4")

    def test_a_rank_that_stands_still(self):
        """Stopped as a whole, as on a host that is out of reach, it cannot speak for itself."""
        self.stalls("freeze", 2, "no sign of life from rank 2", "step 4")

    def test_a_server_that_stands_still(self):
        self.stalls("freeze", 0, "rank 1 of 4", "no sign of life from rank 0", "step 4")

    def test_ranks_that_wait_for_each_other(self):
        self.stalls("deadlock", 2, "every rank has waited", "step 4")

    def test_a_slow_rank_is_none(self):
        """A step may take longer than the timeout, as long as the rank gets on with it."""
        for rank in (0, 2):
            with Job(local("slow", rank, TIMEOUT_S, ranks=4, program=FAILING_RUN)) as job:
                self.ended(job, lambda: 2 * TIMEOUT_S + 2 + self.at_start())
                self.assertEqual((job.status, job.text(job.output).strip()), (0, "10 steps"), job.text(job.errors))

    def in_training(self, rank, *parts):
        with self.running("--stall-timeout", TIMEOUT_S) as job:
            os.kill(job.rank(rank), signal.SIGSTOP)
            limit = lambda: 1.5 * TIMEOUT_S + 2 + self.in_run()
            seconds = self.ended(job, limit, time.monotonic())
            line = self.one_line(job, *parts, only=False)
            self.assertEqual(job.status, FAILED_RANK)
        self.report(seconds, line)

    def test_an_agent_in_training(self):
        self.in_training(1, "no sign of life from rank 1", "at step")

    def test_the_server_in_training(self):
        self.in_training(0, "no sign of life from rank 0", "at step")

    def test_values(self):
        for value in ("-1", "x", "nan"):
            self.refused(local("train", "--stall-timeout", value), "--stall-timeout", value)


class Elastic(Case):
    """launch/local --elastic: from the last checkpoint, on the ranks that are left."""

    run_ = ("--checkpoint-every", 20, "--compressor", "ef:topk:0.01", "--lr", "0.02", "--log-every", 100)

    def launched(self, elastic, out, agents=3):
        """A run without an end: on machines of any speed it is there to be killed."""
        command = local("train", "--steps", 10**8, *self.run_, "--out", out, agents=agents)
        command[1:1] = ["--elastic", elastic]
        return command

    def newest(self, out):
        return max((int(path.name.split("-")[1]) for path in (out / "checkpoints").glob("checkpoint-*") if path.suffix == ""), default=0)

    def kill_one(self, job, out, behind):
        """One rank, once the run has a checkpoint behind that step. \\returns the checkpoint that is there at least"""
        job.wait_for(lambda: self.newest(out) > behind and job.ranks(), "a checkpoint")
        step = self.newest(out)
        ranks = job.ranks()
        os.kill(ranks[max(ranks)], signal.SIGKILL)
        return step

    def test_agents_move(self):
        whole, out = self.folder / "whole", self.folder / "out"
        with Job(self.launched("restart", out)) as job:
            step = self.kill_one(job, out, 0)
            job.wait_for(lambda: "restart 1 of 3" in job.text(job.errors) and len(job.ranks()) == 3, "the restart")
            step = self.kill_one(job, out, max(step, self.newest(out)))
            job.wait_for(lambda: "restart 2 of 3" in job.text(job.errors) and len(job.ranks()) == 2, "the second restart")
            step = max(step, self.newest(out))
            job.wait_for(lambda: self.newest(out) > step, "a checkpoint of the two ranks")
            job.process.terminate()
            self.ended(job, self.in_run, time.monotonic())
            errors = job.text(job.errors)
            self.assertEqual(job.status, 75, errors)
            self.assertIn("restart 2 of 3 from the checkpoint of step", errors)
            self.assertIn("on 2 ranks", errors)
        steps = self.newest(out) + 40
        for command in (local("train", "--resume", out, "--steps", steps, ranks=2),
                        local("train", "--steps", steps, *self.run_, "--out", whole, agents=3)):
            with Job(command) as job:
                self.ended(job, lambda: 240 + self.at_start())
                self.assertEqual(job.status, 0, job.text(job.errors))
        ends = [json.loads((folder / "summary.json").read_text()) for folder in (whole, out)]
        self.assertEqual((ends[1]["agents"], ends[1]["processes"]), (3, 2))
        self.assertEqual(ends[0]["parameters_fingerprint"], ends[1]["parameters_fingerprint"])

    def test_so_many_times(self):
        out = self.folder / "out"
        with Job(self.launched("restart:1", out, agents=1)) as job:
            step = self.kill_one(job, out, 0)
            job.wait_for(lambda: "restart 1 of 1" in job.text(job.errors), "the restart")
            self.kill_one(job, out, max(step, self.newest(out)))
            self.ended(job, lambda: 20 + self.at_start(), time.monotonic())
            self.assertEqual(job.status, 137, job.text(job.errors))
            self.assertEqual(job.text(job.errors).count("restart "), 1)

    def test_refusals_and_signals_are_no_reason(self):
        out = self.folder / "out"
        with Job(self.launched("restart", out)[:-2] + ["--out", str(out), "--lr", "0"]) as job:
            self.ended(job, self.at_start)
            self.assertEqual(job.status, 1)
            self.assertNotIn("restart", job.text(job.errors))
        with Job(self.launched("restart", out)) as job:
            job.wait_for(lambda: self.newest(out) > 0, "a checkpoint")
            job.process.terminate()
            self.ended(job, self.in_run, time.monotonic())
            self.assertEqual(job.status, 75, job.text(job.errors))
            self.assertNotIn("restart", job.text(job.errors))

    def test_it_needs_checkpoints(self):
        command = local("train", "--steps", 5)
        command[1:1] = ["--elastic", "restart"]
        with Job(command) as job:
            self.ended(job, self.at_start)
            self.assertEqual(job.status, 2)
            self.assertIn("--checkpoint-every", job.text(job.errors))


if __name__ == "__main__":
    main()
