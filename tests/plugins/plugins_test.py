#!/usr/bin/python3
"""--plugin FILE.so from outside: what loads, what is refused and how, what a run keeps of it.

usage: plugins_test.py PROGRAM LAUNCHER PROBES BLOCK_SIGN RINGS [unittest arguments]
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, LAUNCHER, PROBES, BLOCK_SIGN, RINGS = (pathlib.Path(argument).resolve() for argument in sys.argv[1:6])


def run(*command, **variables):
    """(status, standard output, standard error) of a command that must end."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=240, env={**os.environ, **{name: str(value) for name, value in variables.items()}})
    return done.returncode, done.stdout, done.stderr


def probe(name):
    return PROBES / f"{name}.so"


def members_listed(text, family):
    """The names that `tersegrad list` shows of a family, its heading's first words."""
    part = text[text.index(f"{family} ("):].split("\n")[1:]
    names = []
    for line in part:
        if line and not line.startswith(" "):
            break
        if found := re.match(r"  (\S+)", line):
            names.append(found[1])
    return names


class PluginTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def tersegrad(self, *words, status=0, **variables):
        code, out, err = run(PROGRAM, *words, **variables)
        self.assertEqual(code, status, out + err)
        return out, err

    def job(self, *words, status=0, agents=2, program=PROGRAM, **variables):
        code, out, err = run(LAUNCHER, "-n", agents, "--program", program, "train", *words, **variables)
        self.assertEqual(code, status, out + err)
        return out, err

    def assert_one_line(self, err, *parts):
        lines = [line for line in err.splitlines() if line.startswith("tersegrad: ")]
        self.assertEqual(len(lines), 1, err)
        for part in parts:
            self.assertIn(str(part), lines[0])
        return lines[0]


class OneRegistry(PluginTest):
    def test_the_program_lists_what_a_plugin_adds_and_whose_it_is(self):
        before, _ = self.tersegrad("list")
        self.assertNotIn("block-sign", members_listed(before, "compressors"))
        out, _ = self.tersegrad("list", "--plugin", BLOCK_SIGN, f"--plugin={RINGS}")
        self.assertEqual(sorted(members_listed(before, "compressors") + ["block-sign"]), members_listed(out, "compressors"))
        self.assertEqual(sorted(members_listed(before, "data sets") + ["rings"]), members_listed(out, "data sets"))
        self.assertIn("plug-in 'block-sign' (block_sign.so)", " ".join(out.split()))

    def test_a_plugin_finds_the_program_s_members_and_other_plugins(self):
        before, _ = self.tersegrad("list")
        compressors, datasets = (len(members_listed(before, family)) for family in ("compressors", "data sets"))
        out, _ = self.tersegrad("list", "--plugin", probe("sound"), COLUMNS=400)
        self.assertIn(f"finds {compressors} compressors and {datasets} data sets, no block-sign", " ".join(out.split()))
        out, _ = self.tersegrad("list", "--plugin", RINGS, "--plugin", BLOCK_SIGN, "--plugin", probe("sound"), COLUMNS=400)
        self.assertIn(f"finds {compressors + 1} compressors and {datasets + 1} data sets, block-sign too", " ".join(out.split()))

    def test_the_program_and_the_plugin_load_one_library(self):
        loaded = subprocess.run(["ldd", str(PROGRAM)], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertRegex(loaded, r"libtersegrad\.so\S* => /")
        exported = subprocess.run(["nm", "-C", "--defined-only", str(PROGRAM)], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertNotIn("tersegrad::loading_plugin()", exported, "the program holds a second copy of the library")

    def test_the_same_file_twice_is_once(self):
        (self.folder / "link.so").symlink_to(BLOCK_SIGN)
        out, _ = self.tersegrad("list", "--plugin", BLOCK_SIGN, "--plugin", self.folder / "link.so")
        self.assertEqual(members_listed(out, "compressors").count("block-sign"), 1)

    def test_commands_that_make_members_take_it(self):
        out, _ = self.tersegrad("data", "--plugin", RINGS, "rings")
        self.assertIn("rings: features of shape 2, 2 classes", out)
        for command in (["data"], ["list"], ["scale"], ["theory", "sde"], ["bench", "exchange"], ["train"]):
            if command[0] == "bench" and not (PROGRAM.parent / "tersegrad-bench").exists():
                continue
            out, _ = self.tersegrad(*command, "--help", "--plugin", RINGS)
            self.assertIn("--plugin", out, command)
        _, err = self.tersegrad("compare", "--plugin", RINGS, status=1)
        self.assert_one_line(err, "plugin")


class Refusals(PluginTest):
    def refused(self, *files, says):
        words = [word for file in files for word in ("--plugin", file)]
        _, err = self.tersegrad("list", *words, status=1)
        return self.assert_one_line(err, files[-1], *says)

    def test_files_that_are_none(self):
        self.refused(self.folder / "none.so", says=["No such file"])
        self.refused(self.folder, says=["not a regular file"])
        text = self.folder / "text.so"
        text.write_text("plain text\n" * 100)
        self.refused(text, says=["is not a shared library"])
        text.write_text("")
        self.refused(text, says=["is not a shared library"])
        self.refused(PROGRAM, says=["is not a plug-in"])
        cut = self.folder / "cut.so"
        cut.write_bytes(BLOCK_SIGN.read_bytes()[:5000])
        self.refused(cut, says=["is not whole"])
        other = bytearray(BLOCK_SIGN.read_bytes())
        other[18:20] = b"\xf3\x00" if other[18:20] != b"\xf3\x00" else b"\x3e\x00"  # e_machine
        cut.write_bytes(other)
        self.refused(cut, says=["is not for this kind of processor"])
        self.tersegrad("list", "--plugin", status=1)
        self.tersegrad("list", "--plugin=", status=1)

    def test_plugins_that_are_wrong(self):
        self.refused(probe("without_stamp"), says=["is not a plug-in", "TERSEGRAD_PLUGIN"])
        self.refused(probe("another_version"), says=["was built for 'tersegrad 0.0.9, LibTorch "])
        self.refused(probe("missing_symbol"), says=["needs 'tersegrad::no_such_function(int)'"])
        self.refused(probe("throws"), says=["fails as it is loaded (no luck today)"])
        self.refused(probe("crashes"), says=["fails as it is loaded (signal 6)"])
        self.refused(probe("empty"), says=["adds nothing to this program"])

    def test_no_line_of_a_refused_file_runs_here(self):
        for name in ("without_stamp", "another_version"):
            self.tersegrad("list", "--plugin", probe(name), status=1, PROBE_MARKER=self.folder / name)
            self.assertFalse((self.folder / name).exists())
        self.tersegrad("list", "--plugin", probe("sound"), PROBE_MARKER=self.folder / "sound")
        self.assertTrue((self.folder / "sound").exists())  # else the line before says nothing

    def test_names_that_are_taken(self):
        self.refused(probe("taken"), says=["compressor 'sign' is taken already, by the program itself"])
        self.refused(BLOCK_SIGN, probe("taken_twice"), says=["compressor 'block-sign' is taken already, by plug-in 'block-sign' (block_sign.so)"])
        copy = self.folder / "copy.so"
        shutil.copy(BLOCK_SIGN, copy)
        self.refused(BLOCK_SIGN, copy, says=["is plug-in 'block-sign', and '", "is one of that name already"])


class Ranks(PluginTest):
    def test_a_refusal_is_one_line_for_all_ranks(self):
        for name, says in (("throws", "no luck today"), ("taken", "is taken already"), ("another_version", "was built for"), ("none", "No such file")):
            _, err = self.job("--plugin", probe(name), status=1)
            self.assertNotIn("rank", self.assert_one_line(err, probe(name), says))

    def by_rank(self, *files):
        """A program that gives each rank its own --plugin; "" for none."""
        program = self.folder / "by_rank"
        choices = "".join(f"{rank}) set -- \"$@\" --plugin '{file}' ;;\n" for rank, file in enumerate(files) if file)
        program.write_text(f"#!/bin/sh\ncase $OMPI_COMM_WORLD_RANK in\n{choices}esac\nexec '{PROGRAM}' \"$@\"\n")
        program.chmod(0o755)
        return program

    def test_other_content_on_one_rank_is_refused_before_the_first_step(self):
        changed = self.folder / "block_sign.so"
        changed.write_bytes(BLOCK_SIGN.read_bytes() + b"\0")
        program = self.by_rank(BLOCK_SIGN, changed, BLOCK_SIGN)
        out, err = self.job("--compressor", "block-sign", "--steps", 5, program=program, status=1)
        self.assert_one_line(err, "ranks disagree on the plug-ins: rank 0 has 'block-sign 1.0 (block_sign.so, ", "rank 1 has 'block-sign 1.0 (block_sign.so, ")
        self.assertNotIn("step", out)

    def test_a_rank_without_it(self):
        _, err = self.job("--compressor", "block-sign", "--steps", 5, program=self.by_rank(BLOCK_SIGN, BLOCK_SIGN, ""), status=1)
        self.assert_one_line(err, "ranks disagree on the plug-ins: rank 0 has 'block-sign", "rank 2 has 'none'")
        _, err = self.job("--compressor", "block-sign", "--steps", 5, program=self.by_rank("", BLOCK_SIGN, ""), status=1)
        self.assert_one_line(err, "ranks disagree on the plug-ins: rank 0 has 'none'", "rank 1 has 'block-sign")

    def test_a_rank_that_cannot_load_it(self):
        _, err = self.job("--steps", 5, program=self.by_rank(BLOCK_SIGN, BLOCK_SIGN, self.folder / "none.so"), status=1)
        self.assert_one_line(err, "rank 2: cannot open", "none.so")


class Records(PluginTest):
    def test_what_a_run_used_stands_in_its_files(self):
        out = self.folder / "run"
        self.job("--plugin", BLOCK_SIGN, "--plugin", RINGS, "--dataset", "rings", "--compressor", "ef:block-sign", "--steps", 20, "--out", out)
        summary = json.loads((out / "summary.json").read_text())
        pattern = r"block-sign 1\.0 \(block_sign\.so, [0-9a-f]{16}\); rings 1\.0 \(rings\.so, [0-9a-f]{16}\)"
        self.assertRegex(summary["plugins"], "^" + pattern + "$")
        self.assertEqual(summary["compressor"], "ef:block-sign")
        self.assertIn(summary["plugins"].encode(), (out / "run.h5").read_bytes())
        self.assertLess(summary["loss_last"], summary["loss_first"])

    def test_a_run_without_plugins_says_nothing_of_them(self):
        out = self.folder / "run"
        self.job("--steps", 5, "--checkpoint-every", 2, "--out", out)
        self.assertNotIn("plugins", json.loads((out / "summary.json").read_text()))
        self.assertNotIn(b"plugins", (out / "run.h5").read_bytes())
        self.assertNotIn(b"plugins", max((out / "checkpoints").iterdir()).read_bytes()[:1024])


class Resume(PluginTest):
    def begin(self, plugin=BLOCK_SIGN, compressor="block-sign", **variables):
        out = self.folder / "run"
        self.job("--plugin", plugin, "--compressor", compressor, "--steps", 10, "--checkpoint-every", 5, "--out", out, **variables)
        return out

    def fingerprint(self, out):
        return json.loads((out / "summary.json").read_text())["parameters_fingerprint"]

    def test_it_is_named_and_not_loaded(self):
        marker = self.folder / "marker"
        out = self.begin(probe("sound"), "probe", PROBE_MARKER=marker)
        marker.unlink()
        for words in (["--resume", out], ["--resume", "auto", "--out", out], ["--resume", "auto", "--out", out, "--compressor", "probe"]):
            _, err = self.job(*words, "--steps", 20, status=1, PROBE_MARKER=marker)
            self.assert_one_line(err, "the run to resume used the plug-in 'probe' 1 ('", probe("sound"), "give --plugin FILE.so again")
            self.assertFalse(marker.exists(), "a run's folder has run code")

    def test_given_again_it_goes_on_as_if_nothing_had_been(self):
        out = self.begin()
        self.job("--resume", out, "--plugin", BLOCK_SIGN, "--steps", 20)
        again = self.folder / "again"
        self.job("--plugin", BLOCK_SIGN, "--compressor", "block-sign", "--steps", 20, "--out", again)
        self.assertEqual(self.fingerprint(out), self.fingerprint(again))
        self.assertIn("block-sign", json.loads((out / "summary.json").read_text())["plugins"])

    def test_auto_goes_on(self):
        out = self.begin()
        text, _ = self.job("--resume", "auto", "--plugin", BLOCK_SIGN, "--compressor", "block-sign", "--steps", 20, "--out", out)
        self.assertIn("going on from", text)

    def test_another_build_of_the_same_version_goes_on_and_is_said(self):
        out = self.begin()
        other = self.folder / "other.so"
        other.write_bytes(BLOCK_SIGN.read_bytes() + b"\0")
        _, err = self.job("--resume", out, "--plugin", other, "--steps", 20)
        self.assert_one_line(err, "plug-in 'block-sign' 1.0 is another build than the run began with (")

    def test_another_version_is_refused(self):
        out = self.begin(probe("sound"), "probe")
        _, err = self.job("--resume", out, "--plugin", probe("newer"), "--steps", 20, status=1)
        self.assert_one_line(err, "the run to resume used the plug-in 'probe' 1, not 2")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[6:]])
