#!/usr/bin/env python3
"""How a run finds its data, what the options mean that it is given, and what large data costs. As input_test.py.

usage: data_use_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]

The groups are the classes below. GET_DATA names launch/get-data, TERSEGRAD_TEST_DATA a folder of real files (optional).
"""
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import time
import unittest

from input_test import idx_images, idx_labels
from jobs import PROGRAM, Case, Job, alone, local, main

GET_DATA = os.environ.get("GET_DATA", "")
REAL = pathlib.Path(os.environ.get("TERSEGRAD_TEST_DATA") or os.environ.get("REAL_DATA", "/nowhere"))
SDE = ("--sde", "--exchange", "server", "--batch", "full", "--noise", "gaussian:0.01", "--steps", 2)


def made_up_mnist(folder):
    folder.mkdir(parents=True)
    for split, count in (("train", 40), ("t10k", 20)):
        (folder / f"{split}-images-idx3-ubyte").write_bytes(idx_images(count, count))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx_labels([i % 10 for i in range(count)]))


class UnusedOptions(Case):
    """Every option of `train` is used, or refused where it is not, or that is said. The table has all of them."""

    # option: where it would change nothing: (arguments, refused or said, part of the line)
    refused_or_said = {
        "model": [],  # always used
        "dataset": [(("--model", "rosenbrock", "--dataset", "mnist"), "refused", "landscape")],
        "data": [(("--dataset", "breast-cancer", "--data", "mydata"), "refused", "built in"),
                 (("--data", ".data"), "refused", "built in"),
                 (("--model", "rosenbrock", "--data", "x"), "refused", "landscape")],
        "samples": [(("--model", "rosenbrock", "--samples", 3), "refused", "landscape")],
        "init-seed": [(("--model", "rosenbrock", "--init-seed", 3), "refused", "landscape")],
        "replicas": [(("--replicas", 2), "refused", "landscapes")],
        "start": [(("--start", 1), "refused", "landscapes")],
        "agents": [],  # always used
        "batch": [(("--model", "rosenbrock", "--batch", 3), "refused", "landscape")],
        "sampling": [(("--batch", "full", "--sampling", "iid"), "refused", "--batch full"),
                     (("--model", "rosenbrock", "--sampling", "iid"), "refused", "landscape")],
        "skew": [(("--batch", "full", "--skew", 0.5), "refused", "--batch full"),
                 (("--model", "rosenbrock", "--skew", 1), "refused", "landscape")],
        "noise": [],  # always used
        "noise-batch": [(("--noise-batch", 8), "refused", "--noise")],
        "clip-norm": [((*SDE, "--clip-norm", 1), "refused", "--clip-norm")],
        "compressor": [],  # always used
        "sign-zero": [(("--sign-zero", "plus"), "refused", "--sign-zero")],
        "exchange": [((*SDE, "--exchange", "sharded"), "said", "no messages")],
        "bucket": [((*SDE, "--bucket", 512), "said", "no messages")],
        "verify": [((*SDE, "--verify", "off"), "said", "no messages")],
        "overlap": [(("--batch", "full", "--overlap"), "refused", "--batch full"),
                    (("--clip-norm", 1, "--overlap"), "refused", "--clip-norm"),
                    (("--compressor", "topk:0.1", "--exchange", "sharded", "--overlap"), "refused", "topk"),
                    (("--exchange", "mpi-allreduce", "--overlap", "--steps", 2), "said", "mpi-allreduce")],
        "nonfinite": [((*SDE, "--nonfinite", "keep"), "refused", "--sde")],
        "lr": [],  # always used
        "schedule": [((*SDE, "--schedule", "cosine"), "refused", "--schedule")],
        "warmup": [((*SDE, "--warmup", 1), "refused", "--warmup")],
        "momentum": [((*SDE, "--momentum", 0.9), "refused", "--momentum")],
        "match": [(("--match", "method=dsgd,lr=0.1,batch=64,agents=4", "--lr", 1, "--batch", 2, "--agents", 1, "--compressor", "none"),
                   "refused", "--match")],
        "weight-decay": [((*SDE, "--weight-decay", 0.1), "refused", "--weight-decay")],
        "steps": [],  # always used
        "sde": [(("--sde", "--exchange", "server", "--steps", 2), "refused", "--batch full")],
        "seed": [],  # always recorded; of what draws nothing there is nothing to choose
        "out": [],  # always used
        "overwrite": [(("--overwrite",), "refused", "--out")],
        "checkpoint-every": [(("--checkpoint-every", 5), "refused", "--out")],
        "keep": [(("--keep", 3), "refused", "--checkpoint-every")],
        "resume": [],  # always used
        "stall-timeout": [],  # always used
        "log": [(("--log", "console,csv"), "refused", "csv")],
        "log-every": [],  # the progress line takes its losses from the records
        "eval-every": [((*SDE, "--eval-every", 5), "refused", "--sde"),
                       (("--model", "rosenbrock", "--eval-every", 5), "refused", "landscape")],
        "eval-samples": [(("--eval-every", -1, "--eval-samples", 5), "refused", "--eval-every"),
                         (("--model", "rosenbrock", "--eval-samples", 5), "refused", "landscape")],
        "noise-report": [(("--batch", "full", "--noise-report", 5), "refused", "--noise-report"),
                         ((*SDE, "--noise-report", 1), "refused", "--sde")],
        "plugin": [],  # always recorded; one without members is refused (tests/plugins)
        "threads": [],  # always used
        "help": [],
    }

    def test_all(self):
        text = subprocess.run([PROGRAM, "train", "--help"], stdout=subprocess.PIPE, check=True, text=True).stdout
        options = set(re.findall(r"^ {2}(?:-\w, |    )--([a-z-]+)", text, re.M))
        self.assertGreater(len(options), 30)
        self.assertEqual(options - self.refused_or_said.keys(), set(), "options whose use nobody has thought of")
        for option, cases in self.refused_or_said.items():
            for arguments, outcome, part in cases:
                with self.subTest(option=option, arguments=arguments):
                    if outcome == "refused":
                        self.refused(alone(*arguments), f"--{option}" if option != "dataset" else option, part)
                        continue
                    with Job(alone(*arguments)) as job:
                        self.ended(job, self.at_start)
                        self.assertEqual(job.status, 0, job.text(job.errors))
                        lines = [line for line in job.text(job.errors).splitlines() if f"--{option} changes nothing" in line]
                        self.assertEqual(len(lines), 1, job.text(job.errors))
                        self.assertIn(part, lines[0])

    def test_of_other_commands(self):
        for arguments, part in ((("data", "breast-cancer", "--data", "x"), "built in"), (("data", "--agents", 3), "NAME"),
                                (("data", "breast-cancer", "--skew", 1), "--agents")):
            with self.subTest(arguments):
                self.refused([PROGRAM, *map(str, arguments)], part)

    def test_at_a_resume(self):
        """What the checkpoint keeps is no option that somebody has given; what is given counts as ever."""
        out = self.folder / "out"
        for arguments in (("--steps", 4, "--checkpoint-every", 2, "--out", out), ("--resume", out, "--steps", 6)):
            with Job(alone(*arguments)) as job:
                self.ended(job, self.at_start)
                self.assertEqual((job.status, job.text(job.errors)), (0, ""))
        self.refused(["env", "OMP_NUM_THREADS=1", PROGRAM, "train", "--resume", str(out), "--steps", "8", "--data", "x"],
                     "--data", "built in")


class Paths(Case):
    """Names of files and folders, as odd as they come."""

    def test_control_characters_are_refused_in_one_line(self):
        for option, value in (("--data", "da\nta"), ("--out", "o\nut"), ("--resume", "a\nb"), ("--out", "tab\there"),
                              ("--data", "bell\a"), ("--model", "mlp\n"), ("--lr", "0.1\n"), ("--log", "csv\n")):
            with self.subTest(option=option, value=value):
                shown = value.encode("unicode_escape").decode()
                self.refused(["env", PROGRAM, "train", f"{option}={value}"], option, shown, "control character")
                self.refused(["env", PROGRAM, "train", option, value], option, shown, "control character")
        folder = self.folder / "new\nline"
        folder.mkdir()
        made_up_mnist(folder / "data")  # the name itself is plain, and a checkpoint keeps where it lies
        self.refused(alone("--dataset", "mnist", "--data", "data", "--steps", 2), "--data", "new\\nline", cwd=folder)
        self.refused([PROGRAM, "data", "mnist", "--data", "a\nb"], "--data", "control character")
        if GET_DATA:
            result = subprocess.run([GET_DATA, "mnist", "--to", self.folder / "a\nb"], capture_output=True, text=True)
            self.assertEqual((result.returncode, len(result.stderr.splitlines())), (1, 1), result.stderr)

    def test_other_names_work(self):
        for name in ("with blank", "it's \"quoted\"", "-dash", "ünïcode-名", b"not-utf8-\xff\xe9", "$HOME;x", "a,b:c=d"):
            with self.subTest(name=name):
                folder = self.folder / os.fsdecode(name)
                made_up_mnist(folder / "mnist")
                out = os.fsdecode(name) + "/out"
                command = ["env", "OMP_NUM_THREADS=1", PROGRAM, "train", "--exchange", "allreduce", "--dataset", "mnist",
                           f"--data={os.fsdecode(name)}", "--steps", "2", "--batch", "4", f"--out={out}", "--checkpoint-every", "1"]
                with Job(command, self.folder) as job:
                    self.ended(job, self.at_start)
                    self.assertEqual((job.status, job.text(job.errors)), (0, ""))
                self.assertEqual({"checkpoints", "metrics.csv", "run.h5", "summary.json"}, {p.name for p in (folder / "out").iterdir()})
                # From elsewhere: the run knows where its data lies.
                with Job(["env", "OMP_NUM_THREADS=1", PROGRAM, "train", f"--resume={folder / 'out'}", "--steps", "3"], "/") as job:
                    self.ended(job, self.at_start)
                    self.assertEqual((job.status, job.text(job.errors)), (0, ""))

    def test_data_that_has_moved_since(self):
        """The line says where it was looked for, and what helps."""
        made_up_mnist(self.folder / "data/mnist")
        out = self.folder / "out"
        run = alone("--dataset", "mnist", "--data", "data", "--steps", 2, "--batch", 4, "--out", out, "--checkpoint-every", 1)
        with Job(run, self.folder) as job:
            self.ended(job, self.at_start)
            self.assertEqual(job.status, 0, job.text(job.errors))
        (self.folder / "data").rename(self.folder / "moved")
        again = ["env", "OMP_NUM_THREADS=1", PROGRAM, "train", "--resume", str(out), "--steps", "3"]
        self.refused(again, f"'{self.folder / 'data' / 'mnist'}'", "--data", cwd="/")
        with Job([*again, "--data", "moved"], self.folder) as job:
            self.ended(job, self.at_start)
            self.assertEqual((job.status, job.text(job.errors)), (0, ""))


@unittest.skipUnless(GET_DATA, "GET_DATA does not name launch/get-data")
class DataFolder(Case):
    """launch/get-data fills what `train` reads, wherever either is started."""

    def environment(self, given):
        kept = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_DATA_HOME", "TERSEGRAD_DATA")}
        return {**kept, **{k: str(v) for k, v in given.items() if v is not None}}

    def filled(self, environment, cwd):
        result = subprocess.run([GET_DATA, "--where"], env=environment, cwd=cwd, stdout=subprocess.PIPE, check=True, text=True)
        return pathlib.Path(result.stdout.rstrip("\n"))

    def looked_into(self, environment, cwd):
        result = subprocess.run([PROGRAM, "data", "mnist"], env=environment, cwd=cwd, capture_output=True, text=True)
        self.assertEqual(result.returncode, 1, result.stdout)
        folder = re.search(r"looked in '(.*?)/mnist'", result.stderr).group(1)
        # What the advice leads to is what is read.
        self.assertRegex(result.stderr, r"get it with: launch/get-data mnist$")
        return pathlib.Path(folder)

    def test_one_rule(self):
        home, xdg, plain, with_data = (self.folder / name for name in ("home", "xdg", "plain", "with_data"))
        for folder in (home, plain, with_data / ".data"):
            folder.mkdir(parents=True)
        known = pathlib.Path(os.path.expanduser(f"~{subprocess.check_output(['id', '-un'], text=True).strip()}"))
        own = ".local/share/tersegrad"
        for given, cwd, expected in (({"HOME": home}, plain, home / own), ({"HOME": home}, with_data, with_data / ".data"),
                                     ({"HOME": home, "XDG_DATA_HOME": xdg}, plain, xdg / "tersegrad"),
                                     ({"HOME": home, "XDG_DATA_HOME": "relative"}, plain, home / own),
                                     ({"HOME": home, "XDG_DATA_HOME": ""}, plain, home / own),
                                     ({"HOME": home, "XDG_DATA_HOME": xdg}, with_data, with_data / ".data"),
                                     ({"HOME": home, "TERSEGRAD_DATA": xdg}, with_data, xdg),
                                     ({"HOME": home, "TERSEGRAD_DATA": "here"}, plain, plain / "here"),
                                     ({"HOME": home, "TERSEGRAD_DATA": ""}, plain, home / own),
                                     ({"HOME": ""}, plain, known / own), ({}, plain, known / own),
                                     ({"HOME": home, "CDPATH": "."}, plain, home / own)):
            with self.subTest(given=given, cwd=cwd):
                if expected == known / own and expected.exists():
                    self.skipTest("the user has data there")
                environment = self.environment(given)
                self.assertEqual(self.filled(environment, cwd), expected)
                self.assertEqual(self.looked_into(environment, cwd), expected)

    def test_there_and_elsewhere(self):
        """Filled from one folder, read from another, with nothing said about where."""
        if not (REAL / "text/tinyshakespeare/input.txt").is_file():
            self.skipTest(f"Tiny Shakespeare is not in '{REAL}/text'")
        here, there, home = (self.folder / name for name in ("here", "there", "home"))
        for folder in (here, there, home):
            folder.mkdir()
        environment = self.environment({"HOME": home, "CDPATH": f".:{here}", "QUOTING_STYLE": "shell-always", "TAR_OPTIONS": "-v",
                                        "GZIP": "-9", "POSIXLY_CORRECT": "1", "GREP_OPTIONS": "-v"})
        got = subprocess.run([GET_DATA, "tinyshakespeare", "--from", REAL], env=environment, cwd=here, capture_output=True, text=True)
        self.assertEqual((got.returncode, got.stderr), (0, ""))
        shown = subprocess.run([PROGRAM, "data", "tinyshakespeare"], env=environment, cwd=there, capture_output=True, text=True)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertIn("train: ", shown.stdout)


def memory_of(pid):
    """Bytes of a process: anonymous memory, and all that no other process maps."""
    fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M))
    return 1024 * int(fields["Anonymous"]), 1024 * (int(fields["Private_Clean"]) + int(fields["Private_Dirty"]))


class TokenMemory(Case):
    """A text is mapped: it costs a rank what it reads of it, not what it holds."""

    context = 64
    model = "gpt2:layers=1,heads=2,width=8,context=64,vocab=64"

    def shards(self, name, train_tokens):
        folder = self.folder / name
        folder.mkdir()
        for file, tokens in (("text_train_0.bin", train_tokens), ("text_val_0.bin", 10000)):
            with open(folder / file, "wb") as shard:
                shard.write(struct.pack("<iii", 20240520, 1, tokens))
                shard.truncate(1024 + 2 * tokens)  # nothing but a length: a file of holes, which read as token 0
        return folder

    def job(self, folder, agents):
        return self.running("--dataset", f"tokens:context={self.context},vocab=64", "--model", self.model, "--data", folder,
                            "--batch", 8, "--lr", 0.001, "--exchange", "sharded", "--eval-every", -1,
                            agents=agents, out=folder / "out")

    def peak(self, folder, agents):
        """The largest of the ranks, while they train: \\returns (anonymous, private) bytes"""
        with self.job(folder, agents) as job:
            peaks = [(0, 0)]
            for _ in range(20):
                peaks += [memory_of(pid) for pid in job.ranks().values()]
                time.sleep(0.1)
            self.assertEqual(len(job.ranks()), agents)
            os.kill(job.rank(0), signal.SIGTERM)
            self.ended(job, lambda: 60 + self.in_run(), time.monotonic())
            self.assertEqual(job.status, 75, job.text(job.errors))
        return max(a for a, _ in peaks), max(p for _, p in peaks)

    def test_two_gigabytes_on_four_ranks(self):
        small = self.peak(self.shards("small", 100000), 4)
        large = self.peak(self.shards("large", (1 << 30) - 600), 4)  # 2 GB
        for what, before, after in zip(("anonymous", "private"), small, large):
            print(f"{what} memory of the largest of 4 ranks: {before / 1e6:.0f} MB with 200 kB of tokens, {after / 1e6:.0f} MB with 2.1 GB")
            self.assertLess(after - before, 100e6)

    def test_a_shard_that_is_cut_short(self):
        """Under way: one line that names the file, on every rank the end. Removing it does no harm."""
        folder = self.shards("text", 20000000)
        train = folder / "text_train_0.bin"
        with self.job(folder, 2) as job:
            train.rename(folder / "gone")
            before = job.text(job.output).count("step ")
            job.wait_for(lambda: job.text(job.output).count("step ") > before, "a step without the file's name")
            os.truncate(folder / "gone", 5000)
            self.ended(job, lambda: 30 + self.in_run(), time.monotonic())
            self.assertEqual(job.status, 70)
            # Ranks that read at the same moment all see it; whoever is first ends the others.
            lines = [line for line in job.text(job.errors).splitlines() if line.startswith("tersegrad:")]
            self.assertIn(len(lines), (1, 2), lines)
            for line in lines:
                self.assertRegex(line, f"rank [01].*'{train}' was cut short.*5000 bytes")

    def test_damage_is_found_anywhere(self):
        folder = self.shards("text", 20000000)
        with open(folder / "text_train_0.bin", "r+b") as shard:
            shard.seek(1024 + 2 * 19999999)
            shard.write(b"\xff\x00")
        self.refused(alone("--dataset", "tokens:context=64,vocab=64", "--model", self.model, "--data", folder, "--steps", 2),
                     "text_train_0.bin", "token 255", f"byte {1024 + 2 * 19999999}")


if __name__ == "__main__":
    main()
