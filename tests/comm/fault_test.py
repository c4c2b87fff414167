#!/usr/bin/env python3
"""How a job ends in which one rank sends a wrong message: on every exchange, on all ranks, with one line.

usage: fault_test.py LAUNCH_LOCAL FAULTY_EXCHANGE
"""
import subprocess
import sys
import time
import unittest

LAUNCH, PROGRAM = sys.argv[1:3]
RANKS, FAULTY = 4, 3
LIMIT_S = 60  # of a job; the faults themselves end within seconds, but the machine may be busy

EXCHANGES = {"server": "none", "sharded": "none", "allgather": "none", "local:2": "sign", "allreduce": "none",
             "mpi-allreduce": "none"}
# What the line must say, beside the sender or its agent and the step.
FAULTS = {
    "magic": r"has magic number \d+ \(expected 1146242900\)",
    "step": r"has step 7 \(expected 3\)",
    "agent": r"has agent 99 \(expected \d\)",
    "dimension": r"has dimension 1025 \(expected 1024\)",
    "huge": r"1152921504606846976 payload bytes",
    "truncated": r"\(announced \d+\)",
    "surplus": r"announced",
    "short": r"\(expected \d+\)",
}


def start(exchange, fault):
    began = time.monotonic()
    command = [LAUNCH, "--ranks", str(RANKS), "--timeout", str(LIMIT_S), "--program", PROGRAM, "--", exchange,
               EXCHANGES[exchange], fault, str(FAULTY)]
    job = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    ours = [line for line in job.stderr.splitlines() if line.startswith("tersegrad:")]
    return job, ours, time.monotonic() - began


class Faults(unittest.TestCase):
    def test_without_a_fault_the_job_ends_well(self):
        for exchange in EXCHANGES:
            with self.subTest(exchange=exchange):
                job, ours, _ = start(exchange, "none")
                self.assertEqual((job.returncode, job.stdout.strip(), ours), (0, "5 steps", []), job.stderr)

    def ends_with_one_line(self, exchange, fault, *patterns):
        job, ours, seconds = start(exchange, fault)
        self.assertEqual(len(ours), 1, job.stderr)
        for pattern in patterns:
            self.assertRegex(ours[0], pattern)
        self.assertNotIn(job.returncode, (0, 110), "110: it hung until launch/local's time limit")
        print(f"{exchange} {fault}: ended in {seconds:.2f} s ({ours[0]})", flush=True)

    def test_a_rank_a_step_behind(self):
        for exchange in EXCHANGES:
            with self.subTest(exchange=exchange):
                # Either side may be the one that speaks.
                self.ends_with_one_line(exchange, "late", r"has step (2 \(expected 3|3 \(expected 2)\)")


def case(fault, pattern):
    def test(self):
        for exchange in EXCHANGES:
            with self.subTest(exchange=exchange):
                agent = FAULTY - (exchange == "server")
                self.ends_with_one_line(exchange, fault, pattern, r"at step 3\b", r"bucket 1\b",
                                        rf"from rank {FAULTY}\b|agent {agent}\b")
    return test


for name, text in FAULTS.items():
    setattr(Faults, f"test_{name}", case(name, text))

if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
