#!/usr/bin/env -S python3 -s -E
"""The comparison finds what it is for: a program is equal to itself, and every planted difference is reported.

usage: compare_test.py PROGRAM [GROUP[.test]…]
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import on_purpose
from differences import differences
from job_table import JOBS

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = pathlib.Path(sys.argv[1]).resolve()


class Planted(unittest.TestCase):
    """Wrappers of the program that do one thing otherwise."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="tersegrad-planted-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def compared(self, present, jobs, base=PROGRAM):
        """The base's results are shared by the tests of one base program."""
        command = [HERE / "compare", "--base-program", base, "--present", present, "--results", self.folder / "results" / base.name,
                   "--jobs", f"^({jobs})$"]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def wrapper(self, name, script):
        """A program that a shell's words make, in which PROGRAM is the real one."""
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n{script.replace('PROGRAM', str(PROGRAM))}\n")
        path.chmod(0o755)
        return path

    def finds(self, name, script, *parts, job="sign-plus"):
        done = self.compared(self.wrapper(name, script), job)
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1:]), (1, ["0 of 1 equal"]), done.stdout + done.stderr)
        for part in parts:
            self.assertIn(part, done.stdout)

    def test_equal_to_itself(self):
        done = self.compared(PROGRAM, "sign-exact|sign-plus|unknown-compressor")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1:]), (0, ["3 of 3 equal"]), done.stdout + done.stderr)

    def test_another_seed(self):
        self.finds("seed", 'PROGRAM "${@/#3/4}"', "parameters_fingerprint", "metrics.csv: loss")

    def test_another_status(self):
        self.finds("status", 'PROGRAM "$@"; exit 3', "command 1: exit status: 1 -> 3", job="unknown-compressor")

    def test_another_message(self):
        self.finds("message", '{ PROGRAM "$@" 2>&1 >&3 | sed s/unknown/foreign/ >&2; exit "${PIPESTATUS[0]}"; } 3>&1',
                   "command 1: messages", "tersegrad: foreign compressor", job="unknown-compressor")

    def test_another_output(self):
        self.finds("output", 'PROGRAM "$@" | sed "s/14 steps/15 steps/"', "command 1: standard output")

    def test_files_that_are_edited(self):
        """One run, in which each is reported by itself."""
        self.finds("edited", """PROGRAM "$@" && cd out && rm run.h5 &&
                   sed -i -E '10s/^([^,]*,[^,]*,[^,]*),/\\15,/;s/$/,0/;1s/,0$/,more/' metrics.csv &&
                   sed -i 's/"uplink_bytes_per_step": /&1/;/test_rows/d;s/"seed"/"sown": 1, &/' summary.json""",
                   "the folder: files", "metrics.csv: loss, entry 9 of 14", "metrics.csv: more is new", "metrics.csv: order of the series",
                   "summary.json: uplink_bytes_per_step", "summary.json: test_rows is missing", "summary.json: sown is new")

    def test_a_base_that_does_not_do_its_job(self):
        refusing = self.wrapper("refusing", "exit 1")
        done = self.compared(refusing, "sign-plus", refusing)
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1:]), (1, ["0 of 1 equal"]), done.stderr)
        self.assertIn("the table says 0", done.stdout)

    def test_what_the_base_runs_for_both(self):
        """A present program that trains nothing has the base's runs to compare."""
        done = self.compared(self.wrapper("idle", '[ "$1" != train ] && PROGRAM "$@"'), "compare")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1:]), (0, ["1 of 1 equal"]), done.stdout + done.stderr)

    def test_what_cannot_be_compared(self):
        for present, jobs, part in ((PROGRAM, "nonsense", "no job matches"), (self.folder / "absent", "list", "no program")):
            done = self.compared(present, jobs)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertRegex(done.stderr, f"^compare: .*{part}.*\n$")


class Table(unittest.TestCase):
    """The jobs leave no plug-in of these families out. Models and data sets that take long, or have files of their own, they do."""

    families = ("--compressor", "--exchange", "--noise", "--schedule", "--log", "tersegrad theory")

    def test_every_plug_in_has_a_job(self):
        text = subprocess.run([PROGRAM, "list"], stdout=subprocess.PIPE, check=True, text=True).stdout
        used = set(re.findall(r"[\w-]+", " ".join(command for spec in JOBS for command in spec.commands)))
        # Jobs name what has another name since by its earlier one: the base knows no other.
        used |= {new for names in on_purpose.RESPELLED.values() for old, new in names.items() if old in used}
        for family in self.families:
            section = text.split(f"({family})\n", 1)[1]
            names = re.findall(r"^  (\S+)", re.split(r"^\S", section, maxsplit=1, flags=re.M)[0], re.M)
            self.assertGreater(len(names), 1)
            # What a run takes without being asked needs no mention.
            self.assertEqual(set(names) - used - {"constant", "server"} - on_purpose.NEW_MEMBERS, set(), family)

    def test_names_are_unique(self):
        names = [spec.name for spec in JOBS]
        self.assertEqual(sorted(names), sorted(set(names)))


class OnPurpose(unittest.TestCase):
    """What is named in on_purpose.py is no difference, and nothing else is forgiven with it."""

    base = {("out/metrics.csv", "norm"): ["1", "2"], ("out/metrics.csv", "order of the series"): ["step", "norm"],
            ("out/summary.json", "exchange"): "local", ("command 1", "messages"): ["tersegrad: bad 'x'"]}

    def changed(self, changes, **tables):
        """The differences where these values have changed (None: are gone), with these tables."""
        present = {place: value for place, value in {**self.base, **changes}.items() if value is not None}
        none = {"RENAMED": {}, "ADDED": [], "REWORDED": [], "RESPELLED": {}}
        with mock.patch.multiple(on_purpose, **{**none, **tables}):
            return differences(self.base, present)

    def test_renamed(self):
        series, order = ("out/metrics.csv", "norm"), ("out/metrics.csv", "order of the series")
        new = {series: None, ("out/metrics.csv", "update"): ["1", "2"], order: ["step", "update"]}
        self.assertEqual(self.changed(new, RENAMED={"norm": "update"}), [])
        self.assertEqual(len(self.changed(new, RENAMED={})), 3)
        alias = {**new, series: ["1", "2"], order: ["step", "update", "norm"]}
        self.assertEqual(self.changed(alias, RENAMED={"norm": "update"}), [])
        for wrong in ({("out/metrics.csv", "update"): ["1", "3"]}, {series: ["1", "3"]}, {("out/metrics.csv", "update"): None}):
            self.assertEqual(len(self.changed({**alias, **wrong}, RENAMED={"norm": "update"})), 1, wrong)

    def test_a_file_that_the_base_wrote_for_both_keeps_its_names(self):
        self.assertEqual(self.changed({}, RENAMED={"norm": "update"}), [])
        self.assertEqual(len(self.changed({("out/metrics.csv", "norm"): ["1", "3"]}, RENAMED={"norm": "update"})), 1)

    def test_added(self):
        new = {("out/metrics.csv", "more"): ["0", "0"], ("out/metrics.csv", "order of the series"): ["step", "norm", "more"]}
        self.assertEqual(self.changed(new, ADDED=["mor."]), [])
        self.assertEqual(len(self.changed(new, ADDED=["mo"])), 2)

    def test_reworded(self):
        new = {("command 1", "messages"): ["tersegrad: not good: x"]}
        table = [(r"tersegrad: bad '(\w)'", r"tersegrad: not good: \1")]
        self.assertEqual(self.changed(new, REWORDED=table), [])
        self.assertEqual(len(self.changed({}, REWORDED=table)), 1)

    def test_respelled(self):
        table = {"exchange": {"local": "hierarchical"}}
        self.assertEqual(self.changed({("out/summary.json", "exchange"): "hierarchical"}, RESPELLED=table), [])
        self.assertEqual(len(self.changed({("out/summary.json", "exchange"): "sharded"}, RESPELLED=table)), 1)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[2:]])
