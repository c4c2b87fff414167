"""Small data sets that the jobs train on, written here: no file outside the repository is needed.

Each maps {path: bytes} below the folder in which a job runs; the same bytes on every machine.
"""
import random
import struct


def token_shard(tokens, seed):
    """A token shard as llm.c writes it, 256 different tokens: a text in which the next token can be learned."""
    drawn = random.Random(seed)
    ids, token = [], 0
    for _ in range(tokens):
        token = (3 * token + 7 + drawn.randrange(4)) % 256
        ids.append(token)
    return struct.pack("<256i", 20240520, 1, tokens, *[0] * 253) + struct.pack(f"<{tokens}H", *ids)


def idx_split(split, rows, side, seed):
    """Grey images and their labels in MNIST's format: a class is a bright row of the image, the rest is noise."""
    drawn = random.Random(seed)
    images, labels = bytearray(), bytearray()
    for number in range(rows):
        label = number % 4
        labels.append(label)
        images += bytes(min(255, drawn.randrange(90) + 140 * (place // side % 4 == label)) for place in range(side * side))
    return {f"data/idx/{split}-images-idx3-ubyte": struct.pack(">IIII", 0x803, rows, side, side) + bytes(images),
            f"data/idx/{split}-labels-idx1-ubyte": struct.pack(">II", 0x801, rows) + bytes(labels)}


def tokens():
    return {"data/tokens/train.bin": token_shard(6000, 1), "data/tokens/val.bin": token_shard(600, 2)}


def images():
    return {**idx_split("train", 160, 16, 3), **idx_split("t10k", 40, 16, 4)}


def scales():
    """A factor for each of the 1502 coordinates of the default network's noise."""
    return {"scales.txt": "".join(f"{1 + i % 5}\n" for i in range(1502)).encode()}


DATA = {"tokens": tokens, "images": images, "scales": scales}
