#!/usr/bin/env python3
"""Many ranks on few cores, many agents on few ranks: they finish, and an agent costs no more memory than it must.

usage: load_test.py PROGRAM LAUNCH_LOCAL [GROUP]; with TERSEGRAD_LOAD=full in the environment 64 ranks and 1,024 agents, else
16 and 256.
"""
import ctypes
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM, LAUNCH = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
FULL = os.environ.get("TERSEGRAD_LOAD") == "full"


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tersegrad-load-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    @staticmethod
    def small_pages():
        ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE, also below: else a byte may cost 2 MB

    def job(self, name, *arguments, ranks):
        """Runs `train` on so many ranks. \\returns its summary and the largest rank's peak memory in MB"""
        out = self.folder / name
        command = [LAUNCH, "--ranks", str(ranks), "--program", PROGRAM, "--", "train", *map(str, arguments), "--out", str(out)]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, preexec_fn=self.small_pages)
        seconds = time.monotonic() - began
        self.assertEqual(done.returncode, 0, done.stderr)
        summary = json.loads((out / "summary.json").read_text())
        peak = summary["memory_peak_bytes"] / 2**20
        print(f"{name}: {summary['agents']} agents on {ranks} ranks: {seconds:.1f} s, peak memory of a rank {peak:.0f} MB", flush=True)
        return summary, peak


class ManyRanks(Case):
    def test_an_agent_on_each(self):
        agents = 64 if FULL else 16
        for exchange, ranks in (("server", agents + 1), ("sharded", agents)):
            with self.subTest(exchange):
                summary, _ = self.job(exchange, "--agents", agents, "--exchange", exchange, "--compressor", "sign", "--lr",
                                         0.001, "--batch", 4, "--steps", 20, ranks=ranks)
                self.assertEqual((summary["agents"], summary["steps"], summary["diverged"]), (agents, 20, False))


class ManyAgents(Case):
    """1,024 agents need more rows than the built-in data has; a landscape's agents need none."""

    def test_memory_of_an_agent_is_bounded(self):
        agents, dim, ranks = 1024 if FULL else 256, 20_000, 4
        arguments = ("--model", f"quadratic:1x{dim}", "--exchange", "sharded", "--compressor", "sign", "--lr", 0.001,
                     "--noise", "gaussian:0.1", "--steps", 5)
        few, least = self.job("few", "--agents", ranks, *arguments, ranks=ranks)
        many, most = self.job("many", "--agents", agents, *arguments, ranks=ranks)
        self.assertEqual((few["steps"], many["steps"], many["agents"]), (5, 5, agents))
        # A rank's agents keep their messages, one bit a coordinate, and hear those of all others; 16 KB an agent for
        # what else there is of one (headers, vectors, MPI's own).
        bound = agents * (4 * dim / 8 + 16384) / 2**20
        print(f"{agents} agents: {most - least:.1f} MB more on a rank than {ranks} (bound {bound:.1f} MB)")
        self.assertLess(most - least, bound)


if __name__ == "__main__":
    result = unittest.main(argv=[sys.argv[0], "-v", *sys.argv[3:]], exit=False).result
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
