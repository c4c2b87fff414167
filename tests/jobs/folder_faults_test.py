#!/usr/bin/env python3
"""Folders and file systems that fail, or offer less than a disk: what cannot be read is not absent, and not removed; what
is not offered is a remark, and the results are written.

usage: folder_faults_test.py PROGRAM LAUNCH_LOCAL FAILING_RUN [GROUP[.test]…]; FAULT_FS_LIBRARY in the environment is the
path of the library of fault_fs.c.
"""
import errno
import json
import os
import shutil
import unittest

from jobs import Case, Job, alone, difference, main, snapshot

RUN = ("--lr", "0.05", "--batch", 8, "--agents", 1)
EVERY = (*RUN, "--steps", 60, "--checkpoint-every", 20, "--keep", 10)


def faulty(rules, *arguments, **variables):
    """A start of train on a file system with these faults: see fault_fs.c."""
    words = [f"{name}={value}" for name, value in {"FAULT_FS": rules, **variables}.items()]
    command = alone(*arguments)
    return [command[0], *words, f"LD_PRELOAD={os.environ['FAULT_FS_LIBRARY']}", *command[1:]]


@unittest.skipUnless("FAULT_FS_LIBRARY" in os.environ, "the library of faults is not there")
class Runs(Case):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def job(self, command, status=0):
        with Job(command, self.folder) as job:
            self.ended(job, lambda: 60 + self.at_start())
            self.assertEqual(job.status, status, f"{command}: {job.text(job.errors)}")
            return job.text(job.output), job.text(job.errors)

    def trained(self, out, *arguments):
        self.job(alone(*(arguments or EVERY), "--out", out))
        return out

    def unfinished(self, out):
        """What a run that died after step 40 leaves."""
        self.trained(out)
        (out / "summary.json").unlink()
        for name in ("run.h5", "metrics.csv"):
            (out / name).rename(out / f"{name}.part")
        (out / "checkpoints/checkpoint-60").unlink()
        return out

    def fingerprint(self, out):
        summary = json.loads((out / "summary.json").read_text())
        self.assertIn(summary.get("interrupted"), (False, None))
        return summary["steps"], summary["parameters_fingerprint"]


class Unreadable(Runs):
    """Refused in one line, and nothing is removed, whatever was asked for."""

    faults = (("a stale handle", f"stat={errno.ENOTCONN}@out/checkpoints", "endpoint"),
              ("no rights", f"folder={errno.EACCES}@out/checkpoints", "Permission denied"),
              ("a disk error in the middle of a list", f"list={errno.EIO}@out/checkpoints", "Input/output error"),
              ("a server that has forgotten the folder", f"stat,folder={errno.ESTALE}@tersegrad-failure", "Stale file handle"),
              ("a log that cannot be looked at", f"stat={errno.EIO}@out/run.h5", "Input/output error"))

    def test_folders(self):
        self.unfinished(self.out)
        for what, rules, reason in self.faults:
            for arguments in (("--overwrite",), ("--overwrite=checkpoints",), ("--resume", "auto")):
                with self.subTest(what, arguments=arguments):
                    self.refused(faulty(rules, *EVERY, "--out", self.out, *arguments), "out", reason)
            with self.subTest(what, arguments="--resume"):
                self.refused(faulty(rules, "--resume", self.out), "out", reason)

    def test_checkpoints(self):
        """One that cannot be read may be sound: it is not passed over, as a damaged one is, and so not removed later."""
        self.unfinished(self.out)
        newest = self.out / "checkpoints/checkpoint-40"
        for rules, reason in ((f"open={errno.EACCES}@checkpoint-40", "Permission denied"), (f"read={errno.EIO}@checkpoint-40", "Input/output")):
            with self.subTest(reason):
                self.refused(faulty(rules, "--resume", self.out), "checkpoint-40", reason, "move it away")
                self.refused(faulty(rules, *EVERY, "--out", self.out, "--resume", "auto"), "checkpoint-40", reason)
        damaged = newest.read_bytes()
        damaged = damaged[:-1] + bytes([damaged[-1] ^ 1])
        newest.write_bytes(damaged)
        _, errors = self.job(alone("--resume", self.out))
        self.assertIn("going back", errors)
        self.assertNotEqual(newest.read_bytes(), damaged)  # written anew

    def test_a_summary(self):
        """Of a finished run: whether it is one cannot be known."""
        self.trained(self.out)
        rules = f"read={errno.EIO}@summary.json"
        for arguments in (("--overwrite",), ("--resume", "auto")):
            self.refused(faulty(rules, *EVERY, "--out", self.out, *arguments), "summary.json", "Input/output error")

    def test_old_checkpoints_that_cannot_be_removed(self):
        """They stay, which is no reason to end a run."""
        _, errors = self.job(faulty(f"unlink={errno.EPERM}@checkpoint-", *EVERY[:-2], "--keep", 1, "--out", self.out))
        self.one_remark(errors, "checkpoint-20", "Operation not permitted")
        self.assertEqual(len(list((self.out / "checkpoints").iterdir())), 3)

    def one_remark(self, errors, *parts):
        lines = errors.splitlines()
        self.assertEqual(len(lines), 1, errors)
        for part in ("tersegrad: remark: ", *parts):
            self.assertIn(part, lines[0])


class Names(Runs):
    """Users' own files, and names that are more than one line."""

    def test_what_is_no_checkpoint(self):
        self.unfinished(self.out)
        shutil.copytree(self.out, self.folder / "copy")
        mine = [self.out / "checkpoints" / name for name in ("checkpoint-5.bak", "checkpoint-007", "checkpoint-900\n",
                                                             "checkpoint-1\ncheckpoint-800", "checkpoint-", "notes")]
        for file in mine:
            file.write_text("mine")
        self.job(alone("--resume", self.out))
        whole = self.fingerprint(self.trained(self.folder / "whole"))
        self.assertEqual(self.fingerprint(self.out), whole)
        self.job(alone(*EVERY, "--out", self.out, "--overwrite"))
        self.assertEqual(self.fingerprint(self.out), whole)
        for file in mine:
            self.assertEqual(file.read_text(), "mine", file)
        # A link to a disk that is not mounted, a folder: neither passed over nor removed.
        out, newest = self.folder / "copy", self.folder / "copy/checkpoints/checkpoint-50"
        for make, remove in ((lambda: newest.symlink_to("/nowhere"), newest.unlink), (newest.mkdir, newest.rmdir)):
            make()
            self.refused(alone("--resume", out), "checkpoint-50")
            self.refused(alone(*EVERY, "--out", out, "--resume", "auto"), "checkpoint-50")
            remove()
        shutil.move(out / "checkpoints", self.folder / "elsewhere")
        (out / "checkpoints").symlink_to("/nowhere")
        for arguments in (("--overwrite=checkpoints",), ("--resume", "auto"), ("--overwrite",)):
            self.refused(alone(*EVERY, "--out", out, *arguments), "checkpoints' is a link to what is not there")
        (out / "checkpoints").unlink()
        (out / "checkpoints").symlink_to(self.folder / "elsewhere")
        self.job(alone(*EVERY, "--out", out, "--resume", "auto"))
        self.assertEqual(self.fingerprint(out), whole)

    def test_folders_of_two_lines(self):
        """Such a name is refused before anything is looked at, made or removed: what was there stays."""
        made = self.folder / "a\nb c"
        self.unfinished(self.out)
        shutil.move(self.out, made)
        before = snapshot(made)
        for arguments in ((), ("--overwrite",), ("--overwrite=checkpoints",), ("--resume", "auto")):
            self.refused(alone(*EVERY, "--out", made, *arguments), r"a\nb c")
        self.refused(alone("--resume", made), r"a\nb c")
        self.assertEqual(difference(before, snapshot(made)), "")
        shutil.move(made, self.out)
        self.job(alone(*EVERY, "--out", self.out, "--resume", "auto"))
        self.assertEqual(self.fingerprint(self.out), self.fingerprint(self.trained(self.folder / "whole")))


class Automatic(Runs):
    """--resume auto: goes on where there is something to go on with, and starts otherwise."""

    def auto(self, *arguments, status=0):
        return self.job(alone(*arguments, "--out", self.out, "--resume", "auto"), status)

    def test_whatever_is_there(self):
        whole = self.fingerprint(self.trained(self.folder / "whole"))
        output, errors = self.auto(*EVERY)  # nothing
        self.assertEqual((self.fingerprint(self.out), errors), (whole, ""))
        finished = snapshot(self.out)
        output, _ = self.auto(*EVERY)  # a finished run
        self.assertIn("is finished (60 steps): nothing is left to do", output)
        self.assertEqual(difference(finished, snapshot(self.out)), "")
        self.refused(alone(*EVERY, "--out", self.out, "--resume", "auto", "--seed", 7), "is finished", "--seed '1', not '7'")
        self.auto(*EVERY, "--steps", 80)  # to be made longer
        self.assertEqual(self.fingerprint(self.out)[0], 80)
        shutil.rmtree(self.out)
        self.unfinished(self.out)
        self.refused(alone(*EVERY, "--out", self.out, "--resume", "auto", "--seed", 7), "--seed '1', not '7'")
        output, _ = self.auto(*EVERY, "--overwrite", "--checkpoint-every", "30min", "--stall-timeout", 200)  # an unfinished one
        self.assertIn("checkpoints/checkpoint-40'", output)
        self.assertEqual(self.fingerprint(self.out), whole)
        output, _ = self.auto(*EVERY, "--seed", 7, "--overwrite")  # a finished one, to be replaced
        self.assertNotIn("going on", output)
        self.assertNotEqual(self.fingerprint(self.out), whole)

    def test_runs_without_checkpoints(self):
        self.trained(self.out, *RUN, "--steps", 30)
        self.assertIn("nothing is left to do", self.auto(*RUN, "--steps", 30)[0])
        self.refused(alone(*RUN, "--steps", 40, "--out", self.out, "--resume", "auto"), "no checkpoint to go on from to 40")
        # Killed before its first one.
        (self.out / "summary.json").unlink()
        (self.out / "run.h5").rename(self.out / "run.h5.part")
        (self.out / "checkpoints").mkdir()
        (self.out / "checkpoints/checkpoint-20.part").write_text("half")
        (self.out / "notes").write_text("mine")
        self.assertIn("it starts again", self.auto(*EVERY)[0])
        self.assertEqual(self.fingerprint(self.out), self.fingerprint(self.trained(self.folder / "whole")))
        self.assertEqual((self.out / "notes").read_text(), "mine")

    def test_without_a_summary(self):
        """--log decides what a run leaves of its end."""
        self.trained(self.out, *RUN, "--steps", 30, "--log", "csv")
        for _ in range(2):
            self.assertIn("nothing is left to do", self.auto(*RUN, "--steps", 30, "--log", "csv")[0])

    def test_nothing_sound(self):
        self.unfinished(self.out)
        for step in (20, 40):
            os.truncate(self.out / f"checkpoints/checkpoint-{step}", 100)
        before = snapshot(self.out)
        _, errors = self.auto(*EVERY, status=1)
        self.assertIn("none of its 2 checkpoints is sound", errors)
        self.assertEqual(difference(before, snapshot(self.out)), "")

    def test_overwrite(self):
        """Leave to remove an unfinished run's checkpoints is given by name."""
        self.unfinished(self.out)
        for arguments in (("--overwrite",), ("--overwrite", "--steps", 3)):
            self.refused(alone(*EVERY, "--out", self.out, *arguments), "step 40", "--resume", "--overwrite=checkpoints")
        self.job(alone(*RUN, "--steps", 3, "--out", self.out, "--overwrite=checkpoints"))
        self.assertFalse((self.out / "checkpoints").exists())
        self.assertEqual(self.fingerprint(self.out)[0], 3)

    def test_options(self):
        self.refused(alone(*EVERY, "--resume", "auto"), "--out", "./auto")
        self.refused(alone(*EVERY, "--resume", "auto", "--out", self.out, "--overwrite=checkpoints"), "--overwrite=checkpoints")
        self.refused(alone(*EVERY, "--resume", "auto", "--out", self.out, "--sde"), "--sde")
        self.refused(alone(*EVERY, "--out", self.out, "--overwrite=all"), "'all'", "--overwrite=checkpoints")
        self.unfinished(self.folder / "auto")
        self.job(alone("--resume", "./auto"))
        self.assertEqual(self.fingerprint(self.folder / "auto")[0], 60)

    def test_matched(self):
        """--match chooses when the run starts; when it goes on, it must have chosen the same."""
        run = ("--steps", 60, "--checkpoint-every", 20, "--keep", 10, "--compressor", "randk:0.5", "--agents", 1, "--batch", 8,
               "--exchange", "sharded")
        match = lambda lr: ("--match", f"method=dsgd,lr={lr},batch=8,agents=1")
        self.auto(*run, *match(0.1))
        whole = self.fingerprint(self.out)
        (self.out / "summary.json").unlink()
        for name in ("run.h5", "metrics.csv"):
            (self.out / name).rename(self.out / f"{name}.part")
        (self.out / "checkpoints/checkpoint-60").unlink()
        self.refused(alone(*run, *match(0.2), "--out", self.out, "--resume", "auto"), "--lr")
        self.auto(*run, *match(0.1))
        self.assertEqual(self.fingerprint(self.out), whole)


class Lacking(Runs):
    """File systems that do not offer something: one line, the results are written, a run goes on. Those that fail: an
    error."""

    lacks = (("no fsync", f"flush={errno.ENOSYS}@out", "has no fsync (Function not implemented)", {}),
             ("no fsync of anything", f"flush={errno.EINVAL}@out", "has no fsync", {}),
             ("no fsync on SMB", f"flush={errno.EOPNOTSUPP}@out", "has no fsync", {}),
             ("no locks", f"lock={errno.ENOSYS}@out", "has no flock", {"HDF5_USE_FILE_LOCKING": "TRUE"}),
             ("no lock server", f"lock={errno.ENOLCK}@out", "has no flock", {}),
             ("no renames", f"rename={errno.ENOSYS}@out", "has no rename", {}),
             ("no renames to a name that is taken, as of a union of disks", f"rename={errno.EXDEV}@out", "has no rename", {}),
             ("no rights of files", f"chmod={errno.EPERM}@out", None, {}),
             ("file numbers that do not last", "", "has no lasting file numbers", {"FAULT_FS_NUMBERS": 1}))

    def test_it_is_a_remark(self):
        whole = self.fingerprint(self.trained(self.folder / "whole"))
        for number, (what, rules, remark, variables) in enumerate(self.lacks):
            out = self.folder / f"out-{number}"
            with self.subTest(what):
                _, errors = self.job(faulty(rules, *EVERY, "--log", "csv,hdf5,jsonl,summary", "--out", out, **variables))
                self.said(errors, remark)
                self.assertEqual(self.fingerprint(out), whole)
                self.assertEqual(list(out.rglob("*.part")), [])
                self.assertEqual(len(list((out / "checkpoints").iterdir())), 3)
                _, errors = self.job(faulty(rules, *EVERY, "--steps", 80, "--log", "csv,hdf5,jsonl,summary", "--out", out,
                                            "--resume", "auto", **variables))
                self.said(errors, remark)
                self.assertEqual(self.fingerprint(out)[0], 80)
                self.assertEqual({path.name for path in out.iterdir()},
                                 {"run.h5", "metrics.csv", "metrics.jsonl", "summary.json", "checkpoints"})

    def said(self, errors, remark):
        lines = errors.splitlines()
        self.assertEqual(len(lines), 1 if remark else 0, errors)
        if remark:
            self.assertIn("tersegrad: remark: the file system of", lines[0])
            self.assertIn(remark, lines[0])

    def test_what_fails_is_an_error(self):
        for number, (rules, reason) in enumerate(((f"flush={errno.EIO}@checkpoint-20", "Input/output error"),
                                                  (f"flush={errno.ENOSPC}@summary.json", "No space left"),
                                                  (f"close={errno.EDQUOT}@metrics.csv", "quota exceeded"),
                                                  (f"rename={errno.EIO}@run.h5", "Input/output error"))):
            out = self.folder / f"out-{number}"
            with self.subTest(rules):
                _, errors = self.job(faulty(rules, *EVERY, "--out", out), status=70)
                lines = [line for line in errors.splitlines() if line.startswith("tersegrad:")]
                self.assertEqual(len(lines), 1, errors)
                self.assertIn(reason, lines[0])


if __name__ == "__main__":
    main()
