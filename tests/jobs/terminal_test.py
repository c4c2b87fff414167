#!/usr/bin/python3
"""What a person sees: on a terminal no line is wider than it, through a pipe nothing is left out.

usage: terminal_test.py PROGRAM LAUNCH_LOCAL SMALL_FIGURES [GROUP[.test]…]
"""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import unicodedata

import jobs
from jobs import LAUNCH, PROGRAM, Case, main

SMALL_FIGURES = jobs.FAILING_RUN  # this test's third argument
WIDTHS = (80, 100, 132)
COMPRESSORS = {"none": "0.1", "ef:topk:0.01": "0.1", "sign": "0.001"}


def columns(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def on_terminal(width, command, **variables):
    """What a terminal of that width receives, and the status."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "TERSEGRAD_COLUMNS")}
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE,
                               env={**environment, **variables})
    os.close(theirs)
    received = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how a pseudo-terminal says that nobody writes any more
            break
        if not piece:
            break
        received += piece
    os.close(ours)
    errors = process.communicate()[1].decode()
    return received.decode().replace("\r\n", "\n"), process.returncode, errors


def through_pipe(command, **variables):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, **variables})
    return done.stdout, done.returncode, done.stderr


class Terminal(Case):
    def fits(self, width, command, **variables):
        text, status, errors = on_terminal(width, command, **variables)
        self.assertEqual(status, 0, errors + text)
        for line in re.split(r"[\r\n]", text):
            self.assertLessEqual(columns(line), width, f"at {width}: {line!r}\n{text}")
        return text

    def run_of(self, compressor, name, *more):
        subprocess.run([LAUNCH, "-n", "2", "--program", PROGRAM, "train", "--steps", "30", "--compressor", compressor, "--lr",
                        COMPRESSORS[compressor], *more, "--out", str(self.folder / name)], check=True, capture_output=True)
        return self.folder / name

    def test_the_end_of_a_run(self):
        command = [LAUNCH, "-n", 2, "--program", PROGRAM, "train", "--steps", 30, "--compressor", "sign", "--noise-report", 15]
        for width in WIDTHS:
            text = self.fits(width, command)
            self.assertIn("dense", text)
            self.assertGreater(max(columns(line) for line in text.splitlines()), 70)
        self.assertIn("fewer than all-reduce\n", through_pipe(command)[0])

    def test_runs_side_by_side(self):
        names = ("none", "参照実験" * 12, "a-name-without-blanks-that-is-longer-than-any-terminal-" * 3)
        runs = [self.run_of(compressor, name, *(["--momentum", "0.9"] * (compressor != "none")))
                for name, compressor in zip(names, COMPRESSORS)]
        whole = through_pipe([PROGRAM, "compare", *runs], COLUMNS="80")[0]
        for name in names:
            self.assertIn(name, whole)  # a file stays complete, whatever a shell exports
        for width in WIDTHS:
            text = self.fits(width, [PROGRAM, "compare", *runs])
            for word in ("options", "learning", "bytes per agent", "momentum", "ef:topk:0.01"):
                self.assertIn(word, text)
        self.fits(132, [PROGRAM, "compare", *runs], COLUMNS="70")
        self.assertLessEqual(max(map(columns, on_terminal(132, [PROGRAM, "compare", *runs], COLUMNS="70")[0].splitlines())), 70)

    def test_tables_of_other_commands(self):
        for arguments in (("list",), ("data", "breast-cancer", "--agents", 3), ("theory", "constants", "--nu", 3),
                          ("bench", "noise", "--size", 1000, "--rounds", 1), ("bench", "kernels", "--log2-size", 10, "--rounds", 1)):
            with self.subTest(arguments=arguments):
                for width in WIDTHS:
                    text, status, errors = on_terminal(width, [PROGRAM, *arguments])
                    self.assertEqual(status, 0, errors)
                    table = [line for line in text.split("\n") if "  " in line or "─" in line]
                    self.assertTrue(table)
                    for line in table:
                        self.assertLessEqual(columns(line), width, text)

    def reproduce(self, figure, *more):
        return [SMALL_FIGURES, "reproduce", figure, "--ranks", 2, "--out", self.folder, *more]

    def test_claims(self):
        whole, status, _ = through_pipe(self.reproduce("fig3"))
        self.assertEqual(status, 0)
        for word in ("reference", "allowance", "z·s.e.", "Rule:", "Derivations:", "; run 1 of"):
            self.assertIn(word, whole)
        self.assertGreater(max(map(columns, whole.splitlines())), 132)
        for width in WIDTHS:
            text = self.fits(width, self.reproduce("fig3"))
            verdicts = re.findall(r"(holds|fails|inconclusive)$", text.split("Premise")[0], re.MULTILINE)
            self.assertEqual(verdicts, sorted(verdicts, key=["fails", "inconclusive", "holds"].index), text)
            self.assertIn("fails", verdicts)
            self.assertNotIn("allowance  ", text)
            verbose = self.fits(width, self.reproduce("fig3", "--verbose"))
            for word in ("reference", "allowance", "Rule:", "Derivations:"):
                self.assertIn(word, verbose)

    def test_progress_of_runs(self):
        text, status, errors = on_terminal(100, self.reproduce("fig1"))
        self.assertEqual(status, 0, errors)
        said = [line for line in text.split("\n") if "; run " in line]
        self.assertLessEqual(len(said), 2, text)  # one line in place
        self.assertGreater(text.count("; run "), 4)
        text, _, _ = on_terminal(100, self.reproduce("fig1", "--out", self.folder / "again", "--verbose"))
        self.assertEqual(len([line for line in text.split("\n") if "; run " in line]), 8, text)


if __name__ == "__main__":
    main()
