#!/usr/bin/env python3
"""What the last bits depend on beside the program: kinds of processors, instruction sets, the floating-point mode.

usage: processor_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]; FLOAT_MODE_LIBRARY names the library to preload
"""
import json
import os
import platform

from jobs import PROGRAM, Case, Job, alone, main, mpmd

KEYS = ("processor", "libtorch", "libtorch_capability", "onednn_isa", "blas", "kernels_target")
# (the variable that lowers it, the key that shows it)
LOWER = (("DNNL_MAX_CPU_ISA=SSE41", "onednn_isa"), ("ATEN_CPU_CAPABILITY=default", "libtorch_capability"),
         ("OPENBLAS_CORETYPE=Prescott", "blas"))


def on_one_of_two(variables, *arguments):
    """Two ranks, the second one with these variables."""
    words = mpmd((1, ["train", *arguments]), (1, ["train", *arguments]))
    place = len(words) - 1 - words[::-1].index(PROGRAM)
    return words[:place] + ["env", *variables] + words[place:]


class Processors(Case):
    def run_of(self, command, out):
        """\\returns the summary, and the lines of ours"""
        with Job(command) as job:
            self.ended(job, self.at_start)
            self.assertEqual(job.status, 0, job.text(job.errors))
            ours = [line for line in job.text(job.errors).splitlines() if line.startswith("tersegrad:")]
        return json.loads((out / "summary.json").read_text()), ours

    def shown(self):
        """What can be lowered here, and is seen to be: (variable, key, summary with it)"""
        base, ours = self.run_of(alone("--steps", 2, "--out", self.folder / "base"), self.folder / "base")
        self.assertEqual(ours, [])
        for key in KEYS:
            self.assertTrue(base[key] and base[key] != "unknown", f"{key} is {base.get(key)!r}")
            self.assertIn(key.encode(), (self.folder / "base" / "run.h5").read_bytes())
        for number, (variable, key) in enumerate(LOWER):
            out = self.folder / f"lower-{number}"
            summary, _ = self.run_of(["env", variable, *alone("--steps", 2, "--out", out)], out)
            if summary[key] != base[key]:
                yield variable, key, summary
        self.assertNotIn("earlier_compute", base)

    def test_recorded_and_compared_between_ranks(self):
        shown = list(self.shown())
        if platform.machine() == "x86_64":
            self.assertNotEqual(shown, [], "nothing can be lowered here")
        for number, (variable, key, lowered) in enumerate(shown):
            out = self.folder / f"out-{number}"
            with self.subTest(variable):
                summary, ours = self.run_of(on_one_of_two([variable], "--steps", "2", "--exchange", "allreduce", "--out", str(out)), out)
                self.assertEqual(len(ours), 1, ours)
                for part in ("rank 0: ", "rank 1: ", lowered[key]):
                    self.assertIn(part, ours[0])
                self.assertIn(f"{lowered[key]} (rank 1)", summary[key])

    def test_a_resume_on_another_kind_says_so(self):
        shown = list(self.shown())
        for number, (variable, key, lowered) in enumerate(shown):
            out = self.folder / f"out-{number}"
            with self.subTest(variable):
                self.run_of(alone("--steps", 4, "--checkpoint-every", 2, "--out", out), out)
                resume = ["env", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", PROGRAM, "train", "--resume", str(out), "--steps"]
                same, ours = self.run_of([*resume, "6"], out)
                self.assertEqual(ours, [])
                other, ours = self.run_of([resume[0], variable, *resume[1:], "8"], out)
                self.assertEqual(len(ours), 1, ours)
                self.assertIn("was computed on", ours[0])
                self.assertIn(lowered[key], ours[0])
                self.assertIn(same[key], other["earlier_compute"])
                again, ours = self.run_of([resume[0], variable, *resume[1:], "10"], out)
                self.assertEqual((ours, again["earlier_compute"]), ([], other["earlier_compute"]))


class FloatMode(Case):
    """A library that changes the floating-point mode as it is loaded, on one rank, changes nothing."""
    arguments = ("--model", "quadratic:1,2", "--start", "1e-38", "--lr", "0.1", "--compressor", "none", "--exchange", "allreduce",
                 "--steps", "60", "--agents", "2")

    def fingerprint(self, command, out):
        with Job(command) as job:
            self.ended(job, self.at_start)
            self.assertEqual(job.status, 0, job.text(job.errors))
        return json.loads((out / "summary.json").read_text())["parameters_fingerprint"]

    def test_on_one_of_two_ranks(self):
        library = os.environ["FLOAT_MODE_LIBRARY"]
        plain = self.folder / "plain"
        wanted = self.fingerprint(on_one_of_two([], *self.arguments, "--out", str(plain)), plain)
        for mode in ("flush", "zero", "down"):
            out = self.folder / mode
            with self.subTest(mode):
                variables = [f"LD_PRELOAD={library}", f"FLOAT_MODE={mode}"]
                self.assertEqual(self.fingerprint(on_one_of_two(variables, *self.arguments, "--out", str(out)), out), wanted)


if __name__ == "__main__":
    main()
