#!/usr/bin/python3
"""Runs of earlier versions (tests/golden): compared with today's, and taken up again where they stopped.

usage: golden_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]
"""
import csv
import json
import math
import pathlib
import shutil
import subprocess

import h5py

from jobs import PROGRAM, Case, Job, local, main

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "0.1.0"
RENAMED = {"gradient_norm": "update_norm", "gradient_norm2": "exact_gradient_norm2"}
BYTES = ("uplink_bytes", "downlink_bytes", "uplink_header_bytes", "downlink_header_bytes")
STEPS, CHECKPOINT = 20, 10


def rows_of(folder):
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


class Golden(Case):
    def train(self, *arguments, **how):
        """A run that ends well. \\returns what it said on stderr"""
        with Job(local("train", *arguments, **how)) as job:
            self.ended(job, lambda: 120 + self.at_start())
            self.assertEqual(job.status, 0, job.text(job.errors))
            return job.text(job.errors)

    def stopped(self, name):
        """A copy of a golden run as it stood after its checkpoint: without its end."""
        out = self.folder / name
        shutil.copytree(GOLDEN / name, out)
        (out / "summary.json").unlink(missing_ok=True)
        for file in ("run.h5", "metrics.csv"):
            if (out / file).exists():
                (out / file).rename(out / f"{file}.part")
        return out

    def assert_goes_on(self, name, but=()):
        """The resumed run's records beside the golden ones: those of the past to the last digit, under both names; those made
        anew are the same but for what another processor rounds otherwise. \\param but series that may differ"""
        old, new = rows_of(GOLDEN / name), rows_of(self.folder / name)
        self.assertEqual(len(new), STEPS)
        self.assertLessEqual(old[0].keys(), new[0].keys())
        compared = 0
        for step, (before, now) in enumerate(zip(old, new), 1):
            for series, text in before.items():
                present = RENAMED.get(series, series)
                self.assertEqual(now[present], now[series])
                if step <= CHECKPOINT:
                    self.assertEqual(now[series], text, f"{series} at step {step}")
                elif series in BYTES or series.startswith(("loss", "learning_rate", "test_", *RENAMED)):
                    if series in but:
                        continue
                    value, golden = float(now[series]), float(text)
                    self.assertTrue(math.isclose(value, golden, rel_tol=1e-3) or math.isnan(value) and math.isnan(golden),
                                    f"{series} at step {step}: {value}, {golden} in 0.1.0")
                compared += 1
        self.assertEqual(compared, STEPS * len(old[0]))
        with h5py.File(self.folder / name / "run.h5") as file:
            for earlier in RENAMED.keys() & old[0].keys():
                self.assertEqual(file["series"][earlier], file["series"][RENAMED[earlier]], "not one data set")
                self.assertEqual([float(row[earlier]) for row in new], list(file["series"][earlier][:]))

    def test_a_network_goes_on_from_its_checkpoint(self):
        out = self.stopped("network")
        self.train("--resume", out, agents=2)
        self.assert_goes_on("network")
        old, new = (json.loads((folder / "summary.json").read_text()) for folder in (GOLDEN / "network", out))
        self.assertLessEqual(old.keys(), new.keys())
        for key in ("model", "dataset", "parameters", "agents", "compressor", "noise", "exchange", "steps", "seed", "diverged",
                    "uplink_bytes_per_step", "downlink_bytes_per_step", "dense_bytes_per_step", "nonfinite_steps"):
            self.assertEqual(old[key], new[key], key)
        same_kind = all(old[key] == new[key] for key in ("processor", "libtorch", "libtorch_capability", "onednn_isa", "blas"))
        if same_kind:
            self.assertEqual(old["parameters_fingerprint"], new["parameters_fingerprint"])

    def test_a_landscape_goes_on_from_its_table(self):
        """It has no run.h5, and its exchange has another name since."""
        out = self.stopped("landscape")
        said = self.train("--resume", out, agents=4)
        self.assertIn("there is no run.h5", said)
        self.assert_goes_on("landscape")
        self.assertEqual(json.loads((out / "summary.json").read_text())["exchange"], "hierarchical")
        with h5py.File(out / "run.h5") as file:
            self.assertIn(file["config"].attrs["exchange"], ("hierarchical", b"hierarchical"))

    def test_an_old_run_is_compared_with_a_new_one(self):
        out = self.folder / "new"
        self.train("--model", "logreg", "--dataset", "breast-cancer", "--compressor", "ef:topk:0.25", "--batch", 16, "--lr", "0.1",
                   "--steps", STEPS, "--eval-every", 5, "--out", out, agents=2)
        done = subprocess.run([PROGRAM, "compare", "--json", GOLDEN / "network", out], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        old, new = json.loads(done.stdout)["runs"]
        for key in ("steps", "agents", "compressor", "exchange", "uplink_bytes_per_step", "downlink_bytes_per_step"):
            self.assertEqual(old[key], new[key], key)
        summary = json.loads((GOLDEN / "network" / "summary.json").read_text())
        self.assertEqual(old["loss_last"], summary["loss_last"])
        self.assertTrue(math.isclose(new["loss_last"], old["loss_last"], rel_tol=1e-3))

    def test_the_earlier_name_of_an_exchange_works(self):
        out = self.folder / "out"
        self.train("--compressor", "sign", "--exchange", "local:1", "--steps", 3, "--lr", "0.01", "--out", out, ranks=2)
        self.assertEqual(json.loads((out / "summary.json").read_text())["exchange"], "hierarchical:1")
        listed = subprocess.run([PROGRAM, "list"], capture_output=True, text=True).stdout
        self.assertIn("\n  hierarchical ", listed)
        self.assertNotIn("\n  local", listed)
        self.refused(local("train", "--exchange", "local", "--compressor", "topk:0.1", ranks=2), "exchange 'hierarchical'")

    def test_a_damaged_golden_checkpoint_is_refused_in_one_line(self):
        out = self.stopped("landscape")
        path = out / "checkpoints" / f"checkpoint-{CHECKPOINT}"
        path.write_bytes(path.read_bytes()[:-9])
        self.refused(local("train", "--resume", out, agents=4), f"checkpoint-{CHECKPOINT}", only=False)


if __name__ == "__main__":
    main()
