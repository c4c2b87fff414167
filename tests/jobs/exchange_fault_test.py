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


# The wire itself at fault, behind the sender's checksum. Who sends bucket 1's messages of each kind, by exchange; the
# numbers are those of comm/channel.hpp.
UP_HEADERS, UP_PAYLOADS, GROUP_HEADERS, GROUP_PAYLOAD, DOWN_HEADER, DOWN_PAYLOAD, SUM_UP, SUM_DOWN = range(8)
SENDERS = {"server": {UP_HEADERS: 3, UP_PAYLOADS: 3, DOWN_HEADER: 0, DOWN_PAYLOAD: 0},
           "sharded": {UP_HEADERS: 3, UP_PAYLOADS: 3, DOWN_HEADER: 1, DOWN_PAYLOAD: 1},
           "allgather": {UP_HEADERS: 3, UP_PAYLOADS: 3},
           "local:2": {UP_HEADERS: 3, UP_PAYLOADS: 3, GROUP_HEADERS: 0, GROUP_PAYLOAD: 0, DOWN_HEADER: 2, DOWN_PAYLOAD: 2},
           "allreduce": {UP_HEADERS: 3},
           "mpi-allreduce": {UP_HEADERS: 3}}
HEADERS = (UP_HEADERS, GROUP_HEADERS, DOWN_HEADER)
# Bytes of a header that no comparison with what is expected can catch: flags, nonfinite, k, loss, the checksum itself.
UNCOMPARED = {UP_HEADERS: (7, 58, 62), GROUP_HEADERS: (64 + 28,), DOWN_HEADER: (40, 57)}


def start(exchange, fault, rank=FAULTY, *more):
    began = time.monotonic()
    command = [LAUNCH, "--ranks", str(RANKS), "--timeout", str(LIMIT_S), "--program", PROGRAM, "--", exchange,
               EXCHANGES[exchange], fault, str(rank), *more]
    job = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    ours = [line for line in job.stderr.splitlines() if line.startswith("tersegrad:")]
    return job, ours, time.monotonic() - began


class Faults(unittest.TestCase):
    def test_without_a_fault_the_job_ends_well(self):
        for exchange in EXCHANGES:
            with self.subTest(exchange=exchange):
                job, ours, _ = start(exchange, "none")
                self.assertEqual((job.returncode, job.stdout.strip(), ours), (0, "5 steps", []), job.stderr)

    def ends_with_one_line(self, exchange, fault, *patterns, rank=FAULTY):
        job, ours, seconds = start(exchange, fault, rank)
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


    def on_the_wire(self, how, kinds, pattern):
        for exchange, senders in SENDERS.items():
            for kind, rank in senders.items():
                if kind not in kinds:
                    continue
                for where in how(kind):
                    with self.subTest(exchange=exchange, fault=where):
                        self.ends_with_one_line(exchange, where, pattern, r"at step 3\b", r"bucket 1\b",
                                                rf"from rank {rank}\b", rank=rank)

    def test_flipped_bits_of_headers(self):
        self.on_the_wire(lambda kind: [f"flip:{kind}:{byte}" for byte in UNCOMPARED[kind]], HEADERS,
                         r"has checksum [0-9a-f]{8} \(expected [0-9a-f]{8}: .*changed on the way")

    def test_flipped_bits_of_payloads(self):
        self.on_the_wire(lambda kind: [f"flip:{kind}:0", f"flip:{kind}:-1"], (UP_PAYLOADS, GROUP_PAYLOAD, DOWN_PAYLOAD),
                         r"has checksum [0-9a-f]{8} \(expected [0-9a-f]{8}")

    def test_reordered_headers(self):
        self.on_the_wire(lambda kind: [f"swap:{kind}"], (UP_HEADERS,), r"has bucket 0 \(expected 1\)")

    def test_reordered_payloads(self):
        self.on_the_wire(lambda kind: [f"swap:{kind}"], (UP_PAYLOADS,), r"has checksum")

    def test_truncated_on_the_way(self):
        self.on_the_wire(lambda kind: [f"cut:{kind}"], (UP_PAYLOADS, DOWN_PAYLOAD), r"\(announced \d+\)")

    def test_foreign_headers(self):
        self.on_the_wire(lambda kind: [f"noise:{kind}"], HEADERS, r"has magic number \d+ \(expected 1146242900\)")

    def test_running_sums(self):
        """`allreduce` adds along the ranks: each segment is a header and its values, on one channel."""
        changed = r"has checksum [0-9a-f]{8} \(expected [0-9a-f]{8}"
        for channel, senders in ((SUM_UP, (0, 2)), (SUM_DOWN, (1, 3))):
            for fault, pattern in {f"flip:{channel}:0": "has magic number", f"flip:{channel}:7": changed,
                                   f"flip:{channel}:58": changed, f"flip:{channel}:0:1": changed, f"flip:{channel}:-1:1": changed,
                                   f"swap:{channel}:0:0": r"has (bucket 0|step 2) \(expected", f"swap:{channel}:0:1": changed,
                                   f"cut:{channel}:0:0": r"\(announced 64\)", f"cut:{channel}:0:1": r"\(announced 4096\)",
                                   f"noise:{channel}": "has magic number", f"noise:{channel}:0:1": changed}.items():
                for rank in senders if "flip" in fault else senders[:1]:
                    with self.subTest(fault=fault, rank=rank):
                        self.ends_with_one_line("allreduce", fault, pattern, r"at step 3\b", r"bucket 1\b", rf"from rank {rank}\b",
                                                rank=rank)

    def test_without_checksums_nobody_sees_it(self):
        """Which shows that it is the checksum that does, and that the wire is at fault as it says."""
        job, ours, _ = start("server", f"flip:{UP_PAYLOADS}:0", 3, "off")
        self.assertEqual((job.returncode, job.stdout.strip(), ours), (0, "5 steps", []), job.stderr)


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
