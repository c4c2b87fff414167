#!/usr/bin/env python3
"""How `tersegrad train` refuses what it is given: options, values, data files, folders, devices without room.

usage: input_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]

The groups are the classes below. Cases that need a file system of their own mount one in a private namespace, and are
skipped by name where that is not allowed.
"""
import contextlib
import ctypes
import fcntl
import gzip
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

from jobs import PROGRAM, Case, Job, alone, difference, is_logged, local, main, mpmd, snapshot


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
                self.refused(alone("--exchange", "sharded", "--compressor", f"randk:{k}"), f"randk:{k}", "1502")

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


class FullDisk(Case):
    """A disk that is full at once, one that fills up while the run goes on, one that nobody may write on. All of it needs
    file systems of its own: where they are not allowed, the group as a whole says that it was skipped."""

    def test_read_only(self):
        with file_system("ro,size=64k") as place:
            self.refused(local("train", "--out", place / "out"), str(place / "out"), "Read-only file system")

    @staticmethod
    def fill(place):
        with contextlib.suppress(OSError), open(place / "filler", "wb", buffering=0) as filler:
            for block in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(block))

    def test_at_the_start(self):
        with file_system("size=64k") as place:
            (place / "notes.txt").write_text("mine")
            self.fill(place)
            before = snapshot(place)
            self.refused(local("train", "--out", place), str(place), "No space left on device")
            self.assertEqual(difference(before, snapshot(place)), "")

    def test_in_the_middle(self):
        with file_system("size=64m") as place:  # no log fills that before it is looked at
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


if __name__ == "__main__":
    main()
