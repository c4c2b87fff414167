#!/usr/bin/env python3
"""Compares powersgd's reference and powersgd itself with PyTorch's own powerSGD_hook. Run by hand, not by ctest.

    POWERSGD_CASE=case.txt build/release/tests/compress_test --gtest_also_run_disabled_tests --gtest_filter='*WritesACaseForTorch'
    python tests/compress/methods/powersgd_against_torch.py case.txt        # needs torch (2.15 was tried) and numpy

For each rank in the file, DistributedDataParallel runs over gloo with as many processes as the case has agents; a process's loss
is a sum of weight times gradient, so that its gradient is the case's. The hook begins with the case's Q
(start_powerSGD_iter=2, min_compression_rate=1: what the method compresses, too), in float64 and in float32. Prints the largest
relative difference of a matrix's update over the steps, ||a - b|| / ||b||.
"""
import os
import sys

import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch.distributed.algorithms.ddp_comm_hooks import powerSGD_hook as powersgd
from torch.nn.parallel import DistributedDataParallel


def numbers(line):
    return torch.tensor([float.fromhex(word) for word in line.split()], dtype=torch.float64)


def read(path):
    """The cases of a file, in its order: what DISABLED_WritesACaseForTorch writes."""
    cases = []
    with open(path) as lines:
        for line in lines:
            words = line.split()
            case = {"rank": int(words[1]), "agents": int(words[5]), "tensors": [], "steps": []}
            for word in words[7:]:
                shape, compressed = word.split(":")
                rows, columns = map(int, shape.split("x"))
                case["tensors"].append((rows, columns, compressed == "1"))
            case["start"] = numbers(next(lines))
            for _ in range(int(words[3])):
                gradients = [numbers(next(lines)) for _ in range(case["agents"])]
                case["steps"].append((gradients, numbers(next(lines)), numbers(next(lines))))
            cases.append(case)
    return cases


def split(case, whole):
    parts, begin = [], 0
    for rows, columns, _ in case["tensors"]:
        parts.append(whole[begin:begin + rows * columns].view(rows, columns))
        begin += rows * columns
    return parts


class Weights(torch.nn.Module):
    def __init__(self, case, dtype):
        super().__init__()
        self.weights = torch.nn.ParameterList(torch.zeros(rows, columns, dtype=dtype) for rows, columns, _ in case["tensors"])

    def forward(self, gradients):
        return sum((weight * gradient).sum() for weight, gradient in zip(self.weights, gradients))


def inject(case, state, bucket):
    """Puts the case's Q where the hook finds its last step's."""
    rank, index, of_shape, begin = case["rank"], bucket.index(), {}, 0
    for rows, columns, compressed in case["tensors"]:
        if compressed:
            assert (rows, columns) not in of_shape, "two tensors of one shape"
            of_shape[rows, columns] = case["start"][begin:begin + columns * rank].view(rank, columns).t()
            begin += columns * rank
    matrices = [tensor.view(tensor.shape[0], -1) for tensor in bucket.gradients()]
    shapes = [tuple(m.shape) for m in matrices if tuple(m.shape) in of_shape]
    dtype = bucket.buffer().dtype
    state.p_memory_dict[index] = torch.zeros(sum(rows for rows, _ in shapes) * rank, dtype=dtype)
    state.q_memory_dict[index] = torch.cat([of_shape[shape].reshape(-1) for shape in shapes]).to(dtype)


def work(process, case, dtype, port, results):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=process, world_size=case["agents"])
    model = DistributedDataParallel(Weights(case, dtype))
    state = powersgd.PowerSGDState(None, matrix_approximation_rank=case["rank"], start_powerSGD_iter=2, min_compression_rate=1,
                                   use_error_feedback=True, warm_start=True)

    def hook(state, bucket):
        if state.iter >= 2 and bucket.index() not in state.q_memory_dict:
            inject(case, state, bucket)
        return powersgd.powerSGD_hook(state, bucket)

    model.register_comm_hook(state, hook)
    nothing = [torch.zeros(rows, columns, dtype=dtype) for rows, columns, _ in case["tensors"]]
    updates = []
    for step in [None, None] + case["steps"]:  # two plain all-reduces first
        model.zero_grad()
        model(nothing if step is None else [part.to(dtype) for part in split(case, step[0][process])]).backward()
        if step is not None:
            updates.append(torch.cat([weight.grad.view(-1) for weight in model.module.weights]).double())
    if process == 0:
        torch.save(updates, results)
    dist.barrier()
    os._exit(0)  # the hook's threads may abort a process that ends the usual way


def run(case, dtype, port, results):
    """The hook's updates. Its processes die now and then; then it is tried again."""
    for attempt in range(20):
        try:
            processes.spawn(work, (case, dtype, port + attempt, results), nprocs=case["agents"])
            return torch.load(results)
        except (processes.ProcessExitedException, processes.ProcessRaisedException) as error:
            print(f"rank {case['rank']}, attempt {attempt + 1}: {str(error).splitlines()[0]}", file=sys.stderr)
    sys.exit("the hook died in all attempts")


def largest(case, of_a, of_b):
    worst = 0.0
    for a, b in zip(of_a, of_b):
        for x, y, (_, _, compressed) in zip(split(case, a), split(case, b), case["tensors"]):
            if not compressed:  # plain means; the hook's have an error memory as well, which adds up the agents' differences
                continue
            worst = max(worst, (torch.linalg.norm(x - y) / torch.linalg.norm(y)).item())
    return worst


def main():
    print("torch", torch.__version__)
    print("rank  steps  hook fp64 - reference  hook fp32 - reference  powersgd - reference  powersgd - hook fp64")
    results = sys.argv[1] + ".updates"
    for number, case in enumerate(read(sys.argv[1])):
        of_hook = []
        for dtype in (torch.float64, torch.float32):
            of_hook.append(run(case, dtype, 20000 + os.getpid() % 20000 + 100 * number, results))
        os.remove(results)
        reference, method = [step[1] for step in case["steps"]], [step[2] for step in case["steps"]]
        print(f"{case['rank']:4}  {len(case['steps']):5}  {largest(case, of_hook[0], reference):21.2e}"
              f"  {largest(case, of_hook[1], reference):21.2e}  {largest(case, method, reference):20.2e}"
              f"  {largest(case, method, of_hook[0]):20.2e}")


if __name__ == "__main__":
    main()
