"""A file of labels, a byte each, row by row, of 20 classes; prints its columns.

    python benches/peers/vector_labels.py smooth|noisy SIDE TIMES FILE

`smooth`: patches of some 300 pixels; `noisy`: the same with one pixel in twenty replaced. SIDE x SIDE pixels, laid side by
side for TIMES the area; made once for each SIDE and kept beside FILE.
"""

import math
import sys
from pathlib import Path

import numpy as np

CLASSES = 20


def patches(side):
    """Where one of twenty smooth fields is the highest."""
    from scipy.ndimage import gaussian_filter

    random, best = np.random.default_rng(0), np.full((side, side), -np.inf, np.float32)
    labels = np.zeros((side, side), np.uint8)
    for number in range(CLASSES):
        field = gaussian_filter(random.standard_normal((side, side), np.float32), 12, mode="wrap")
        labels[field > best] = number
        best = np.maximum(best, field)
    return labels


def noisy(labels):
    random = np.random.default_rng(1)
    replaced = random.random(labels.shape, np.float32) < 0.05
    return np.where(replaced, random.integers(0, CLASSES, labels.shape, np.uint8), labels)


def lay(labels, times, path):
    """Adjacent copies, one byte per pixel; returns their width."""
    across = math.isqrt(times)
    with path.open("wb") as file:
        for _ in range(across):
            for row in labels:
                file.write(np.tile(row, across).tobytes())
    return across * labels.shape[1]


def main():
    kind, side, times, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    kept = path.with_name(f"labels-{side}.npy")
    if not kept.exists():
        np.save(kept, patches(side))
    labels = np.load(kept)
    print(lay(noisy(labels) if kind == "noisy" else labels, times, path))


if __name__ == "__main__":
    main()
