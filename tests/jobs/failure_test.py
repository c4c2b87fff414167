#!/usr/bin/env python3
"""How `tersegrad train` ends when something goes wrong in a run: real mpirun jobs, judged from outside.

usage: failure_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]

Every job must end by itself in time, with the right status, with one line for the user on standard error, with no
process left behind and with nothing changed in a folder that was there before. The groups are the classes below.
"""
import json
import os
import shutil
import signal
import subprocess
import time

from jobs import FAILING_RUN, PROGRAM, Case, Job, is_logged, local, main, mpmd


class Harness(Case):
    """The checks themselves: each sees what it is there to see."""

    @staticmethod
    def shell(script, ranks=2):
        return local("-c", script, ranks=ranks, program="/bin/sh")

    def sees(self, problem, command, *parts):
        with self.assertRaisesRegex(AssertionError, problem):
            self.refused(command, *parts)

    only_rank_0 = '[ "$OMPI_COMM_WORLD_RANK" = 0 ] || sleep 100; '

    def test_a_good_refusal_passes(self):
        self.refused(self.shell(self.only_rank_0 + "echo tersegrad: no such thing >&2; exit 1"), "no such thing")

    def test_two_lines(self):
        script = "(echo tersegrad: no such thing; echo tersegrad: no such thing) >&2; exit 1"
        self.sees("2 != 1", self.shell(self.only_rank_0 + script), "no such thing")

    def test_no_line(self):
        self.sees("0 != 1", self.shell("exit 1"))

    def test_another_text(self):
        self.sees("not found in", self.shell(self.only_rank_0 + "echo tersegrad: no such thing >&2; exit 1"), "'bogus'")

    def test_a_stack_beside_the_line(self):
        self.sees("beside the one", self.shell(self.only_rank_0 + "(echo tersegrad: no; echo 'frame #0') >&2; exit 1"))

    def test_status_0(self):
        script = '[ "$OMPI_COMM_WORLD_RANK" = 0 ] && echo tersegrad: no >&2; exit 0'
        self.sees("0 == 0", self.shell(script))

    def test_a_run_that_trains_first(self):
        self.sees("it trained", self.shell(self.only_rank_0 + "echo 'step 0/10'; echo tersegrad: no >&2; exit 1"))

    def test_a_hang(self):
        with Job(self.shell("sleep 100")) as job:
            with self.assertRaisesRegex(AssertionError, "still running"):
                job.ended(1 + Case.startup_s)
        self.assertEqual(job.processes(), [])

    def test_a_process_left_behind(self):
        with Job(self.shell("setsid sleep 100 & exit 1")) as job:
            with self.assertRaisesRegex(AssertionError, "left behind"):
                job.ended(2 + 2 * Case.startup_s)
        self.assertEqual(job.processes(), [])

    def test_a_changed_folder(self):
        (self.folder / "kept").write_text("1")
        for change in ("rm", "touch", "cp /etc/hostname"):
            script = f"{self.only_rank_0} {change} '{self.folder}/kept'; echo tersegrad: no >&2; exit 1"
            self.sees("kept is", self.shell(script))
            (self.folder / "kept").write_text("1")


class Ranks(Case):
    """Too few ranks, and ranks that were not started alike."""

    def test_fewer_than_two_for_the_server(self):
        self.refused(local("train", ranks=1), "'server'", "at least 2 ranks", "launch/local -n")

    def test_without_a_launcher(self):
        self.refused([PROGRAM, "train"], "'server'", "at least 2 ranks", "launch/local -n")

    def test_allreduce_carries_no_compressor(self):
        self.refused(local("train", "--exchange", "allreduce", "--compressor", "sign", agents=2), "'allreduce'", "'sign'", "server")

    def test_different_values(self):
        for option, first, second in (("--lr", "0.1", "0.2"), ("--lr", "0.1", "0.1000000001"), ("--seed", "1", "2"),
                                      ("--compressor", "sign", "none"), ("--batch", "32", "full")):
            with self.subTest(f"{option} {first} and {second}"):
                line = self.refused(mpmd((1, ("train", option, first)), (2, ("train", option, second))),
                                    "rank 0", "rank 1", first, second, only=False)
                self.assertIn(option.strip("-"), line)

    def test_unknown_option_on_one_rank(self):
        self.refused(mpmd((2, ("train",)), (1, ("train", "--bogus"))), "rank 2", "bogus", only=False)

    def test_help_on_one_rank(self):
        self.refused(mpmd((2, ("train",)), (1, ("train", "--help"))), "rank 2", "--help", only=False)

    def test_another_subcommand_on_one_rank(self):
        for other in ("trian", "list"):
            with self.subTest(other):
                self.refused(mpmd((2, ("train",)), (1, (other,))), "rank 2", f"'{other}'", only=False)

    def test_a_subcommand_without_ranks(self):
        self.refused(local("list", ranks=3), "'list'", "3 ranks")


class KilledRanks(Case):
    """SIGKILL in the middle of a step. The victim cannot speak: mpirun says which rank it was."""

    def killed(self, rank, *arguments, agents=2, logged=False):
        out = self.folder / "out"
        with self.running(*arguments, agents=agents) as job:
            if logged:
                job.wait_for(lambda: is_logged(out), "the first flush of the log")
            os.kill(job.rank(rank), signal.SIGKILL)
            seconds = self.ended(job, self.in_run, time.monotonic())
            self.assertNotEqual(job.status, 0)
            # "[host:pid] Read -1, expected 6008 …": Open MPI remarks on a message whose sender is no more.
            lines = [line for line in job.text(job.errors).splitlines() if line and not line.startswith(("launch/local:", "["))]
            self.assertEqual(len(lines), 1, lines)
            self.assertRegex(lines[0], rf"rank {rank} .*signal 9 \(Killed\)")
        self.report(seconds, lines[0])
        names = {path.name for path in out.iterdir()} - {".tersegrad-lock"}
        self.assertEqual(names, {"run.h5.part", "metrics.csv.part"}, "a killed run counts as finished, or lost its log")
        if logged:
            listing = subprocess.run([PROGRAM, "compare", str(out)], capture_output=True, text=True)
            self.assertEqual(listing.returncode, 0, listing.stderr)

    def test_an_agent(self):
        self.killed(2)

    def test_the_server(self):
        """Rank 0 keeps the log: what it had flushed can be read."""
        self.killed(0, logged=True)

    def test_mpirun_itself(self):
        """Nobody is left to name it, and still nobody stays."""
        with self.running() as job:
            os.kill(job.mpirun(), signal.SIGKILL)
            seconds = self.ended(job, self.in_run, time.monotonic())
            self.assertNotEqual(job.status, 0)
        self.report(seconds, "no process left")

    def test_in_an_allreduce(self):
        self.killed(1, "--exchange", "allreduce", agents=3)


class StoppedRuns(Case):
    """SIGTERM: a clean end where there is time for one, never a half-written file, never a process left."""

    def check_files(self):
        out = self.folder / "out"
        names = {path.name for path in out.iterdir()}
        if "summary.json" in names:
            self.assertEqual(names, {"run.h5", "metrics.csv", "summary.json"})
            return json.loads((out / "summary.json").read_text())
        self.assertLessEqual({"run.h5.part", "metrics.csv.part"}, names)
        return None

    def test_mpirun(self):
        with self.running() as job:
            os.kill(job.mpirun(), signal.SIGTERM)
            seconds = self.ended(job, self.in_run, time.monotonic())
            self.assertNotEqual(job.status, 0)
            self.assertNotIn("tersegrad:", job.text(job.errors))
        summary = self.check_files()
        self.report(seconds, "SIGTERM to mpirun, " + ("a clean end" if summary else "ended by mpirun"))

    def test_launch_local(self):
        with self.running() as job:
            job.process.terminate()
            seconds = self.ended(job, self.in_run, time.monotonic())
            self.assertNotEqual(job.status, 0)
            self.assertNotIn("tersegrad:", job.text(job.errors))
        summary = self.check_files()
        self.report(seconds, "SIGTERM to launch/local, " + ("a clean end" if summary else "ended by mpirun"))

    def test_one_rank(self):
        """Batch systems signal ranks. Whichever hears of it, all stop together behind the same step."""
        for rank in (0, 2):
            with self.subTest(rank=rank), self.running() as job:
                os.kill(job.rank(rank), signal.SIGTERM)
                seconds = self.ended(job, self.in_run, time.monotonic())
                self.assertEqual(job.status, 75, job.text(job.errors))
                summary = self.check_files()
                self.assertTrue(summary["interrupted"])
                self.assertFalse(summary["diverged"])
                self.report(seconds, f"SIGTERM to rank {rank}, {summary['steps']} steps")
            shutil.rmtree(self.folder / "out")


class FailingRanks(Case):
    """An exception on one rank while the others wait for it, in a program of nothing but steps (failing_run.cpp)."""

    def fails(self, how, rank, *parts, ranks=4):
        return self.refused(local(how, rank, ranks=ranks, program=FAILING_RUN), *parts)

    def test_the_program_itself(self):
        with Job(local("none", 0, ranks=4, program=FAILING_RUN)) as job:
            self.ended(job, self.at_start)
            self.assertEqual((job.status, job.text(job.output).strip()), (0, "10 steps"))

    def test_an_agent(self):
        self.fails("error", 2, "rank 2 of 4", "a fault at step 3 of rank 2")

    def test_the_server(self):
        self.fails("error", 0, "rank 0 of 4", "a fault at step 3 of rank 0")

    def test_an_unknown_exception(self):
        self.fails("unknown", 2, "rank 2 of 4")

    def test_only_the_first_line_of_a_text(self):
        self.fails("lines", 1, "rank 1 of 4", "a fault with a stack")

    def test_out_of_memory(self):
        self.fails("memory", 3, "rank 3 of 4", "memory")

    def test_agreed_failures(self):
        self.fails("together", 1, "rank 1: a fault that all ranks learn of")
        self.assertNotIn("rank", self.fails("everywhere", 0, "a fault that all ranks learn of").replace("all ranks", ""))


class Divergence(Case):
    """A run that diverges is a result: recorded, ended early, status 0."""

    infinite = ("--noise", "student:0.05:1")  # so heavy a tail that a step of 1502 draws overflows fp32 almost surely

    def test_learning_rate(self):
        summary = self.finished("--lr", "1e30", "--steps", 50, agents=2)
        self.assertTrue(summary["diverged"])
        self.assertLess(summary["steps"], 50)
        self.assertIsNone(summary["loss_last"])

    def test_stop_and_skip(self):
        stop = self.finished(*self.infinite, "--steps", 100, "--nonfinite", "stop", agents=2)
        self.assertEqual((stop["diverged"], stop["steps"], stop["nonfinite_steps"]), (True, 1, 1))
        skip = self.finished(*self.infinite, "--steps", 100, "--nonfinite", "skip", agents=2)
        self.assertEqual((skip["diverged"], skip["steps"], skip["nonfinite_steps"]), (True, 50, 50))
        self.assertIsNotNone(skip["loss_last"])
        # Neither has updated the parameters: they are still the initial ones, the same in both.
        self.assertEqual(stop["parameters_fingerprint"], skip["parameters_fingerprint"])
        keep = self.finished(*self.infinite, "--steps", 20, "--nonfinite", "keep", "--compressor", "sign", agents=2)
        self.assertEqual((keep["diverged"], keep["steps"], keep["nonfinite_steps"]), (False, 20, 20))
        self.assertNotEqual(keep["parameters_fingerprint"], stop["parameters_fingerprint"])

    def test_skip_goes_on(self):
        """P(|t| > 3e38) for ν = 0.1 is about 1e-4: of 1502 draws an overflow in some steps, not in all."""
        summary = self.finished("--noise", "student:0.1:1", "--compressor", "sign", "--lr", "1e-3", "--nonfinite", "skip",
                                "--steps", 40)
        self.assertEqual((summary["diverged"], summary["steps"]), (False, 40))
        self.assertGreater(summary["nonfinite_steps"], 0)
        self.assertLess(summary["nonfinite_steps"], 40)

    def test_keep_uncompressed(self):
        summary = self.finished(*self.infinite, "--steps", 20, "--nonfinite", "keep", agents=2)
        self.assertTrue(summary["diverged"])
        self.assertLess(summary["steps"], 20)


if __name__ == "__main__":
    main()
