#!/usr/bin/env python3
"""How `tersegrad train` ends when something goes wrong: real mpirun jobs, judged from outside.

usage: failure_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]

Every job must end by itself in time, with the right status, with one line for the user on standard error, with no
process left behind and with nothing changed in a folder that was there before. The groups are the classes below.
Cases that need a file system of their own mount one in a private namespace, and are skipped by name where that is
not allowed.
"""
import contextlib
import ctypes
import fcntl
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest

from jobs import (FAILING_RUN, PROGRAM, Case, Job, alone, difference, is_logged, local, main, mpmd, snapshot)


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
        self.sees("2 != 1", self.shell("echo tersegrad: no such thing >&2; sleep 1; exit 1"), "no such thing")

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


class Options(Case):
    """The command line itself."""

    def test_unknown_option(self):
        self.refused(local("train", "--bogus", 3, agents=2), "bogus", "--compressor", "--lr", "--exchange")

    def test_missing_value(self):
        self.refused(alone("--lr"), "lr", "missing")

    def test_unexpected_argument(self):
        self.refused(alone("sign"), "'sign'")

    def test_figures_that_do_not_exist(self):
        self.refused([PROGRAM, "reproduce", "fig99"], "'fig99'", "fig11")
        self.refused([PROGRAM, "reproduce", "fig9", "--scale", "huge"], "'huge'", "quick")
        self.refused([PROGRAM, "reproduce"], "name a figure", "fig11")

    def test_what_means_nothing_to_a_landscape(self):
        for option, value in (("--batch", 32), ("--dataset", "mnist"), ("--start", "1,2,3"), ("--replicas", 0)):
            with self.subTest(option):
                self.refused(local("train", "--model", "rosenbrock", option, value, ranks=2), option.strip("-"))

    def test_rules_that_cannot_be_matched(self):
        for rule, part in (("method=dsgd,lr=0.1", "batch"), ("lr=0.1", "method"), ("method=dsignsgd,lr=0.1,batch=1,agents=4", "dsignsgd")):
            with self.subTest(rule):
                self.refused(local("train", "--match", rule, "--compressor", "none", ranks=2), part)

    def test_unknown_subcommand(self):
        self.refused(local("trian", ranks=3), "'trian'", "train", "compare")

    def test_unknown_values(self):
        for option, value, *known in (("--model", "resnext", "mlp", "resnet", "vit", "logreg"),
                                      ("--dataset", "mnits", "breast-cancer", "mnist", "fashion-mnist", "cifar10"),
                                      ("--compressor", "sgn", "none", "sign", "randk"),
                                      ("--exchange", "sever", "server", "allreduce"),
                                      ("--noise", "gausian:1", "none", "gaussian", "student"),
                                      ("--schedule", "cosin", "constant", "cosine", "step"),
                                      ("--sampling", "random", "shuffle", "iid"),
                                      ("--nonfinite", "ignore", "stop", "skip", "keep"),
                                      ("--log", "cvs", "console", "csv", "hdf5", "summary"),
                                      ("--sign-zero", "minus", "exact", "random", "plus")):
            with self.subTest(option):
                compressor = ["--compressor", "sign"] * (option == "--sign-zero")
                self.refused(alone(option, value, *compressor), f"'{value.split(':')[0]}'", *known)

    def test_impossible_arguments_of_plugins(self):
        for arguments, *parts in ((("--model", "mlp:depht=3"), "'depht'", "depth"),
                                  (("--noise", "student:0:1"), "student:0:1", "nu"),
                                  (("--schedule", "step:0"), "step:0", "every")):
            with self.subTest(arguments):
                self.refused(alone(*arguments), *parts)


class Values(Case):
    """Numbers out of range."""

    def test_k(self):
        for k in ("0", "1503", "-1", "1.5", "nan"):  # the network has d = 1502
            with self.subTest(k):
                self.refused(local("train", "--compressor", f"randk:{k}"), f"randk:{k}", "1502")

    def test_on_several_ranks(self):
        self.refused(local("train", "--lr", "0", agents=2), "--lr is 0", "positive")

    def test_numbers(self):
        for option, value in (("--lr", "-0.1"), ("--lr", "nan"), ("--lr", "fast"), ("--batch", "0"), ("--batch", "half"),
                              ("--steps", "0"), ("--steps", "nan"), ("--steps", "99999999999999999999"), ("--momentum", "1"),
                              ("--bucket", "0"), ("--seed", "-1"), ("--skew", "-1"), ("--samples", "456")):
            with self.subTest(f"{option} {value}"):
                self.refused(alone(option, value), option.strip("-"), value)

    def test_threads(self):
        for value in ("0", "4294967297"):  # launch/local would refuse them itself
            with self.subTest(value):
                self.refused(mpmd((1, ("train", "--threads", value))), "--threads", value, only=False)

    def test_more_agents_than_rows(self):
        self.refused(local("train", "--agents", 456, agents=2), "456 agents", "455 rows")
        self.refused(local("train", "--samples", 2, agents=3), "3 agents", "2 rows")

    def test_more_ranks_than_agents(self):
        self.refused(local("train", "--agents", 1, agents=2), "2 ranks", "1 agents")


def idx_images(count, rows):
    return struct.pack(">IIII", 0x803, count, 28, 28) + bytes(range(256)) * (rows * 28 * 28 // 256) + bytes(rows * 28 * 28 % 256)


def idx_labels(labels):
    return struct.pack(">II", 0x801, len(labels)) + bytes(labels)


class DataFiles(Case):
    """Missing, truncated and corrupt files: the file and the byte or row are named."""

    images, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"

    def setUp(self):
        super().setUp()
        self.data = self.folder / "data"
        self.mnist = self.data / "mnist"
        self.mnist.mkdir(parents=True)
        for split, count in (("train", 40), ("t10k", 20)):
            (self.mnist / f"{split}-images-idx3-ubyte").write_bytes(idx_images(count, count))
            (self.mnist / f"{split}-labels-idx1-ubyte").write_bytes(idx_labels([i % 10 for i in range(count)]))

    def refuses_data(self, *parts, dataset="mnist", agents=None):
        arguments = ("--dataset", dataset, "--data", self.data, "--steps", 2)
        return self.refused(alone(*arguments) if agents is None else local("train", *arguments, agents=agents), *parts)

    def put(self, name, content):
        (self.mnist / name).write_bytes(content)

    def test_sound_files_train(self):
        summary = self.finished("--dataset", "mnist", "--data", self.data, "--steps", 2, "--batch", 4)
        self.assertEqual((summary["dataset"], summary["steps"]), ("mnist", 2))

    def test_no_folder(self):
        shutil.rmtree(self.data)
        self.refuses_data(self.images, str(self.data), "launch/get-data mnist", agents=3)

    def test_a_file_is_missing(self):
        (self.mnist / "t10k-labels-idx1-ubyte").unlink()
        self.refuses_data("t10k-labels-idx1-ubyte", str(self.mnist), "launch/get-data mnist")

    def test_truncated_images(self):
        self.put(self.images, idx_images(40, 40)[:20000])
        self.refuses_data(str(self.mnist / self.images), "byte 20000", str(16 + 40 * 784), agents=3)

    def test_truncated_gz(self):
        (self.mnist / self.labels).unlink()
        packed = gzip.compress(idx_labels([i * 7 % 10 for i in range(40)]))
        self.put(self.labels + ".gz", packed[:30])
        self.refuses_data(str(self.mnist / self.labels) + ".gz", "byte 30")

    def test_corrupt_gz(self):
        (self.mnist / self.images).unlink()
        packed = bytearray(gzip.compress(idx_images(40, 40)))
        packed[-8] ^= 1  # in its checksum
        self.put(self.images + ".gz", bytes(packed))
        self.refuses_data(str(self.mnist / self.images) + ".gz", "corrupt", f"byte {len(packed) - 4}")  # behind the checksum, before the length

    def test_not_an_idx_file(self):
        self.put(self.images, b"<html>" + bytes(1000))
        self.refuses_data(str(self.mnist / self.images), "3c 68 74 6d", "00 00 08 03")

    def test_a_label_out_of_range(self):
        self.put(self.labels, idx_labels([0] * 7 + [77] + [0] * 32))
        self.refuses_data(str(self.mnist / self.labels), "label 77", "row 7", "byte 15")

    def test_more_labels_than_images(self):
        self.put(self.labels, idx_labels([0] * 41))
        self.refuses_data(str(self.mnist / self.labels), "41 labels", "40")

    def cifar(self):
        folder = self.data / "cifar10"
        folder.mkdir()
        for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
            (folder / name).write_bytes(b"")
            os.truncate(folder / name, 10000 * 3073)  # zeros: black aeroplanes
        return folder

    def test_truncated_cifar10(self):
        file = self.cifar() / "data_batch_1.bin"
        os.truncate(file, 5000)
        self.refuses_data(str(file), "byte 5000", str(10000 * 3073), dataset="cifar10")

    def test_corrupt_cifar10(self):
        file = self.cifar() / "data_batch_1.bin"
        with open(file, "r+b") as content:
            content.seek(7 * 3073)
            content.write(b"\xc8")
        self.refuses_data(str(file), "label 200", "row 7", f"byte {7 * 3073}", dataset="cifar10")

    def test_on_one_rank_only(self):
        """The same path means another disk on another machine: here, another working folder."""
        here, there = self.folder / "here", self.folder / "there"
        here.mkdir()
        shutil.move(self.data, here / "data")
        shutil.copytree(here, there)
        os.truncate(there / "data/mnist" / self.images, 1000)
        arguments = ("train", "--dataset", "mnist", "--data", "data")
        self.refused(mpmd((1, arguments, here), (1, arguments, there), (1, arguments, here)),
                     "rank 1", self.images, "byte 1000", only=False)


@contextlib.contextmanager
def file_system(options):
    """A small file system in memory, seen by this process and its children only: it goes with them."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, namespace, private, recursive = 0x10000000, 0x00020000, 1 << 18, 1 << 14
    uid, gid = os.getuid(), os.getgid()

    def call(result):
        if result != 0:
            raise unittest.SkipTest(f"cannot mount a file system: {os.strerror(ctypes.get_errno())}")

    if uid == 0:
        call(libc.unshare(namespace))
    else:
        call(libc.unshare(user | namespace))
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    call(libc.mount(b"none", b"/", None, private | recursive, None))
    with tempfile.TemporaryDirectory(prefix="tersegrad-mount-") as place:
        call(libc.mount(b"tmpfs", place.encode(), b"tmpfs", 0, options.encode()))
        try:
            yield pathlib.Path(place)
        finally:
            libc.umount2(place.encode(), 2)


class Folders(Case):
    """Output folders that cannot be used. `refused` sees that they stay as they are."""

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def test_used_already(self):
        self.out.mkdir()
        (self.out / "notes.txt").write_text("mine")
        run = local("train", "--steps", 2, "--out", self.out)
        with Job(run) as job:  # a folder that exists and holds no run is fine
            self.ended(job, self.at_start)
            self.assertEqual(job.status, 0, job.text(job.errors))
        self.assertEqual((self.out / "notes.txt").read_text(), "mine")
        self.assertLessEqual({"run.h5", "metrics.csv", "summary.json", "notes.txt"}, {p.name for p in self.out.iterdir()})
        self.refused(run, str(self.out), "--overwrite")
        # Whatever else is wrong is found before an old run is removed.
        for wrong in (["--lr", "0"], ["--log", "cvs"], ["--agents", 456]):
            with self.subTest(wrong):
                self.refused(run + ["--overwrite", *map(str, wrong)])

    def test_overwrite_with_a_fault_on_another_rank(self):
        self.out.mkdir()
        (self.out / "run.h5").write_text("a run")
        here, there = self.folder / "here", self.folder / "there"
        here.mkdir()
        there.mkdir()
        (here / "data").mkdir()
        for split, count in (("train", 40), ("t10k", 20)):
            (here / "data" / f"{split}-images-idx3-ubyte").write_bytes(idx_images(count, count))
            (here / "data" / f"{split}-labels-idx1-ubyte").write_bytes(idx_labels([i % 10 for i in range(count)]))
        arguments = ("train", "--dataset", "mnist", "--data", "data", "--out", self.out, "--overwrite")
        self.refused(mpmd((1, arguments, here), (1, arguments, there)), "rank 1", "train-images-idx3-ubyte", only=False)

    def test_holds_an_unfinished_run(self):
        self.out.mkdir()
        (self.out / "run.h5.part").write_bytes(b"records")
        self.refused(alone("--out", self.out), str(self.out), "run.h5.part")

    def test_in_use(self):
        self.out.mkdir()
        with open(self.out / ".tersegrad-lock", "w") as lock:
            lock.write("4711")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused(alone("--out", self.out), str(self.out), "in use", "4711")

    def test_under_a_file(self):
        (self.folder / "file").write_text("mine")
        self.refused(alone("--out", self.folder / "file" / "out"), "file/out", "Not a directory")

    def test_is_a_file(self):
        self.out.write_text("mine")
        self.refused(alone("--out", self.out), str(self.out))

    def test_empty_name(self):
        self.refused(alone("--out", "", "--steps", 2), "--out")

    def test_read_only(self):
        with file_system("ro,size=64k") as place:
            self.refused(local("train", "--out", place / "out"), str(place / "out"), "Read-only file system")


class FullDisk(Case):
    """A disk that is full at once, and one that fills up while the run goes on."""

    @staticmethod
    def fill(place):
        with contextlib.suppress(OSError), open(place / "filler", "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))

    def test_at_the_start(self):
        with file_system("size=64k") as place:
            (place / "notes.txt").write_text("mine")
            self.fill(place)
            before = snapshot(place)
            self.refused(local("train", "--out", place), str(place), "No space left on device")
            self.assertEqual(difference(before, snapshot(place)), "")

    def test_in_the_middle(self):
        with file_system("size=4m") as place:
            out = place / "out"
            out.mkdir()
            (out / "notes.txt").write_text("mine")
            with self.running(out=out) as job:
                logged = out / "metrics.csv.part"
                job.wait_for(lambda: is_logged(out), "the first flush of the log")
                lines = logged.read_bytes().count(b"\n")
                self.fill(place)
                seconds = self.ended(job, self.in_run, time.monotonic())
                self.assertNotEqual(job.status, 0)
                line = self.one_line(job, "rank 0", str(out), "No space left on device")
            self.report(seconds, line)
            self.assertEqual((out / "notes.txt").read_text(), "mine")
            # What was logged until then is there, and nothing claims to be a finished run.
            self.assertEqual({p.name for p in out.iterdir()}, {"run.h5.part", "metrics.csv.part", "notes.txt"})
            self.assertGreaterEqual(logged.read_bytes().count(b"\n"), lines)
            listing = subprocess.run([PROGRAM, "compare", str(out)], capture_output=True, text=True)
            self.assertEqual(listing.returncode, 0, listing.stderr)


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
