"""Weights and pixels by a formula that Rust computes too, so that no weights need be stored.

The value at flat index i (row-major) of the tensor called K:

    h = FNV-1a 64 of the UTF-8 bytes of K
    z = mix(h + 0x9E3779B97F4A7C15 * (i + 1) mod 2^64)   mix: the finalizer of SplitMix64
    u = (z >> 40) / 2^24                                 in [0, 1)

    two or more dimensions           (2u - 1) * sqrt(6 / (product of shape[1:]))
    one dimension, `weight`          0.5 + u             (batch normalization)
    one dimension, `bias`            0.2 * (2u - 1)      (convolution and batch normalization)
    `running_mean`                   0.2 * (2u - 1)
    `running_var`                    0.5 + u
    `num_batches_tracked`            0

Input pixels: key "input", i = (band * height + row) * width + column, value 2u - 1. Everything is computed in
float64 and rounded once to float32.
"""

import math

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def fnv1a(key):
    """64-bit FNV-1a of the UTF-8 bytes of a text."""
    state = 0xCBF29CE484222325
    for byte in key.encode():
        state = ((state ^ byte) * 0x100000001B3) & MASK
    return state


def bits(key, count):
    """The first `count` 64-bit numbers of a key."""
    index = np.arange(1, count + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(key)) + np.uint64(GOLDEN) * index
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(key, count):
    """The first `count` numbers of a key in [0, 1), as float64."""
    return (bits(key, count) >> np.uint64(40)).astype(np.float64) / float(1 << 24)


def tensor(key, shape):
    """The tensor of a name: float32, or int64 for `num_batches_tracked`."""
    name = key.rsplit(".", 1)[-1]
    if name == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    u = uniform(key, math.prod(shape))
    if len(shape) >= 2:
        values = (2 * u - 1) * math.sqrt(6 / math.prod(shape[1:]))
    elif name in ("weight", "running_var"):
        values = 0.5 + u
    elif name in ("bias", "running_mean"):
        values = 0.2 * (2 * u - 1)
    else:
        raise ValueError(f"no rule for `{key}` of shape {shape}")
    return values.astype(np.float32).reshape(shape)


def pixels(bands, height, width):
    """The input picture: float32 [bands, height, width] in [-1, 1)."""
    u = uniform("input", bands * height * width)
    return (2 * u - 1).astype(np.float32).reshape(bands, height, width)
