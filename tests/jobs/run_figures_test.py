#!/usr/bin/python3
"""One run's figures are the same wherever they stand: summary.json, metrics.csv, metrics.jsonl, run.h5, the table that a
run ends with, `tersegrad compare` as text and as JSON; whatever is logged, and with a resume in between.

usage: run_figures_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]
"""
import csv
import json
import math
import re
import subprocess

import h5py

from jobs import PROGRAM, Case, Job, local, main

PARTS = ("compute", "compress", "exchange", "apply")
STEPS = 205
# The last step is none of the logged ones of 7 and of 100.
RUN = ("--model", "mlp", "--dataset", "breast-cancer", "--batch", 8, "--momentum", "0.5", "--eval-every", 50,
       "--log", "console,csv,hdf5,jsonl,summary")
OF_ALL_RUNS = ("uplink_bytes_per_step", "downlink_bytes_per_step", "uplink_header_bytes_per_step", "downlink_header_bytes_per_step",
               "dense_bytes_per_step", "savings_uplink", "savings_downlink", "loss_first", "loss_last", "test_accuracy", "steps",
               "agents", "parameters_fingerprint")


def cells(text, start):
    """The row of a table that starts so: its cells behind the first."""
    rows = [line for line in text.splitlines() if line.startswith(start + "  ")]
    assert rows, f"no row '{start}' in:\n{text}"
    return [re.split(r"  +", row)[1:] for row in rows]


def rows_of(out):
    return list(csv.DictReader((out / "metrics.csv").read_text().splitlines()))


class Figures(Case):
    def trained(self, name, *arguments, **how):
        """A run's folder and what it printed at its end."""
        out = self.folder / name
        with Job(local("train", *arguments, **how)) as job:
            self.ended(job, lambda: 120 + self.at_start())
            self.assertEqual(job.status, 0, job.text(job.errors))
            return out, job.text(job.output)

    def compare(self, *arguments):
        done = subprocess.run([PROGRAM, "compare", *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def logged(self, out):
        """The records in the three files that hold them, each as {series: values}, which must agree."""
        rows = rows_of(out)
        of_csv = {name: [float(row[name]) for row in rows] for name in rows[0]}
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        with h5py.File(out / "run.h5") as file:
            of_hdf5 = {name: list(series[:]) for name, series in file["series"].items()}
        self.assertEqual(set(of_csv), set(of_hdf5))
        for name, values in of_csv.items():
            self.assertEqual([repr(float(v)) for v in of_hdf5[name]], list(map(repr, values)), name)
            self.assertEqual([line[name] for line in lines], [v if math.isfinite(v) else None for v in values], name)
        return of_csv

    def check(self, out, said):
        """All places that name one thing of one run. \\returns its summary"""
        summary = json.loads((out / "summary.json").read_text())
        with h5py.File(out / "run.h5") as file:
            for key, value in summary.items():
                stored = file["summary"].attrs[key]
                self.assertEqual(stored.decode() if isinstance(stored, bytes) else stored, value, key)
        log = self.logged(out)
        last = {name: values[-1] for name, values in log.items()}
        steps = summary["steps"]
        self.assertEqual((last["step"], last["loss"], last["test_accuracy"], last["learning_rate"]),
                         (steps, summary["loss_last"], summary["test_accuracy"], summary["lr"]))
        for direction in ("uplink", "downlink"):
            self.assertEqual(last[f"{direction}_bytes_total"] / steps, summary[f"{direction}_bytes_per_step"])
            self.assertEqual(last[f"{direction}_header_bytes_total"] / steps, summary[f"{direction}_header_bytes_per_step"])
        self.assertEqual(last["step_s_total"], summary["time_total_s"])
        for part in PARTS:
            self.assertEqual(last[f"{part}_s_total"], summary[f"time_{part}_s"], part)

        beside = json.loads(self.compare("--json", out))["runs"][0]
        self.assertFalse(beside["estimated"])
        shared = summary.keys() & beside.keys()
        self.assertGreater(len(shared), 20)
        for key in shared:
            self.assertEqual(beside[key], summary[key], key)
        for part in PARTS:
            self.assertEqual(beside[f"{part}_s_per_step"], summary[f"time_{part}_s"] / steps)
        self.assertEqual(beside["step_s"], summary["time_total_s"] / steps)
        self.assertEqual(beside["total_bytes"], last["uplink_bytes_total"] + last["downlink_bytes_total"])
        self.assertEqual((beside["options"]["lr"], beside["options"]["batch"]), (summary["lr"], str(summary["batch"])))

        # The tables round alike: the run's own end beside compare's row.
        table = self.compare(out)
        options, learning, traffic, time = cells(table, out.name)
        self.assertEqual(options[:3], [beside["compressor"], f"{summary['lr']:g}", str(summary["batch"])])
        uplink, downlink, both = (cells(said, row)[0] for row in ("uplink", "downlink", "both"))
        self.assertEqual(traffic[:4], [uplink[0], downlink[0], uplink[2], both[2]])
        compute, compress, exchange, apply, step = cells(said, "mean over agents' ranks")[0]
        self.assertEqual(time[:5], [step, compute, compress, exchange, apply])
        self.assertIn(f"{steps} steps in {time[6]}: loss {learning[1]}, test accuracy {learning[3]}\n", said)

        # What a record says of time fits together, from the first one on.
        for i in range(len(log["step"])):
            at = {name: values[i] for name, values in log.items()}
            spent = sum(at[f"{part}_s_total"] for part in PARTS)
            self.assertLessEqual(spent, at["step_s_total"] * (1 + 1e-12), at)
            self.assertLessEqual(at["step_s_total"], at["time_s"] * (1 + 1e-12), at)
            if i == 0 or at["step"] == log["step"][i - 1] + 1:  # the record's own step alone
                since = at["time_s"] - (log["time_s"][i - 1] if i > 0 else 0)
                self.assertLessEqual(sum(at[f"{part}_s"] for part in PARTS), since * (1 + 1e-9) + 1e-9, at)
        for name in log:
            if name.endswith("_total") or name == "time_s":
                self.assertEqual(log[name], sorted(log[name]), name)
        return summary

    def same_whatever_is_logged(self, *arguments, **how):
        ends = []
        for every in (1, 7, 100):
            out = self.folder / f"every-{every}"
            _, said = self.trained(out.name, *RUN, *arguments, "--steps", STEPS, "--log-every", every, "--out", out, **how)
            ends.append(self.check(out, said))
        # Stopped and extended in between, at a step that is logged and at one that is not.
        out = self.folder / "resumed"
        self.trained(out.name, *RUN, *arguments, "--steps", 70, "--checkpoint-every", 33, "--keep", 9, "--log-every", 7, "--out", out, **how)
        self.trained(out.name, "--resume", out, "--steps", 120, **how)
        _, said = self.trained(out.name, "--resume", out, "--steps", STEPS, **how)
        ends.append(self.check(out, said))
        for end in ends[1:]:
            for key in OF_ALL_RUNS:
                self.assertEqual(end[key], ends[0][key], key)

    def test_sign_among_peers(self):
        self.same_whatever_is_logged("--compressor", "sign", "--lr", "0.001", "--exchange", "sharded", "--agents", 3, ranks=2)

    def test_none_through_a_server(self):
        self.same_whatever_is_logged("--compressor", "none", "--lr", "0.05", agents=2)

    def test_an_sde_and_a_landscape(self):
        for more in ((), ("--sde",)):
            out = self.folder / f"landscape{len(more)}"
            said = self.trained(out.name, "--model", "rosenbrock", "--noise", "gaussian:0.1", "--lr", "0.0001", "--steps", 50,
                                "--log-every", 20, "--out", out, *more, ranks=2)[1]
            summary = json.loads((out / "summary.json").read_text())
            last = rows_of(out)[-1]
            self.assertEqual(float(last["step_s_total"]), summary["time_total_s"])
            for part in PARTS:
                self.assertEqual(float(last[f"{part}_s_total"]), summary[f"time_{part}_s"])
            self.assertIn("50 steps in", said)


class Defaults(Case):
    """What the options come to: seen in the summary, the log, compare; the same behind a resume."""

    def summary_of(self, *arguments, **how):
        out = self.folder / f"run-{len(list(self.folder.iterdir()))}"
        with Job(local("train", "--steps", 60, *arguments, "--out", out, **how)) as job:
            self.ended(job, lambda: 60 + self.at_start())
            self.assertEqual(job.status, 0, job.text(job.errors))
        return out, json.loads((out / "summary.json").read_text())

    def test_the_learning_rate_suits_the_compressor(self):
        for compressor, given, wanted in (("sign", (), 0.001), ("majority:plus", (), 0.001), ("signum:0.9", (), 0.001),
                                          ("signum:0.9:scaled-sign", (), 0.1), ("none", (), 0.1), ("ef:topk:0.1", (), 0.1),
                                          ("topk:30", (), 0.1), ("sign", ("--lr", "0.02"), 0.02), ("sign", ("--lr", "auto"), 0.001),
                                          ("none", ("--lr", "0.1"), 0.1)):
            with self.subTest(compressor=compressor, given=given):
                out, summary = self.summary_of("--compressor", compressor, *given, "--exchange", "sharded", ranks=1)
                self.assertEqual(summary["lr"], wanted)
                self.assertEqual(float(rows_of(out)[0]["learning_rate"]), wanted)
                if not given:
                    self.assertLess(summary["loss_last"], summary["loss_first"])

    def test_a_resumed_run_and_a_matched_one_keep_theirs(self):
        out, summary = self.summary_of("--compressor", "sign", "--checkpoint-every", 20, "--exchange", "sharded", ranks=1)
        with Job(local("train", "--resume", out, "--steps", 90, ranks=1)) as job:
            self.ended(job, lambda: 60 + self.at_start())
            self.assertEqual(job.status, 0, job.text(job.errors))
        self.assertEqual(json.loads((out / "summary.json").read_text())["lr"], 0.001)
        _, matched = self.summary_of("--match", "method=dsignsgd,lr=0.004,batch=16,agents=4", "--batch", 32, "--agents", 4,
                                     "--compressor", "sign", "--exchange", "sharded", ranks=1)
        self.assertNotIn(matched["lr"], (0.1, 0.001))

    def test_options_are_in_the_summary_and_beside_other_runs(self):
        for options, seen in ((("--lr", "0.05", "--batch", 16), {"lr": 0.05, "batch": 16}),
                              (("--momentum", "0.9", "--weight-decay", "0.01"), {"momentum": 0.9, "weight_decay": 0.01}),
                              (("--schedule", "cosine", "--warmup", 5, "--clip-norm", 1),
                               {"schedule": "cosine", "warmup": 5, "clip_norm": 1}),
                              (("--batch", "full", "--noise", "gaussian:0.1", "--noise-batch", 4), {"batch": "full", "noise_batch": 4}),
                              (("--exchange", "sharded", "--skew", "0.5", "--sampling", "iid"),
                               {"exchange": "sharded", "skew": 0.5, "sampling": "iid"})):
            with self.subTest(options=options):
                plain, _ = self.summary_of("--exchange", "allreduce", ranks=1)
                other, summary = self.summary_of("--exchange", "allreduce", *options, ranks=1)
                table = subprocess.run([PROGRAM, "compare", plain, other], capture_output=True, text=True).stdout.splitlines()
                heading = re.split(r"  +", table[0])
                row = next(re.split(r"  +", line) for line in table if line.startswith(other.name))
                for key, value in seen.items():
                    self.assertEqual(summary[key], value)
                    self.assertEqual(row[heading.index(key)], f"{value:g}" if isinstance(value, (int, float)) else value, table)
                self.assertEqual(heading[:4], ["options", "compressor", "lr", "batch"])


if __name__ == "__main__":
    main()
