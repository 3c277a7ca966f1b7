"""Errors and speed of registration, ours and AROSICS', on a real scene that is moved by known shifts.

    python benches/peers/registration.py errors SCENE.tif --band N [--noise SHARE] --work FOLDER
    python benches/peers/registration.py speed SCENE.tif --band N --work FOLDER [--side 10000] [--without-arosics]

Needs `cargo build --release -p arpent-change --example register` and, for the comparison, the PyPI package `arosics`.

errors: the band is moved by resampling (bilinear, cubic, Lanczos of 3 lobes), multiplied by 0.8, and noise of a share of its
deviation is added to both dates. Prints the median and the largest error of all cells of 256 px for each shift and kernel.
speed: the scene is mirrored up to `--side` pixels, moved by (1.3, -0.6) px and given noise; both measure all cells of 256 px. Ours
reads the pixels from memory; AROSICS from GeoTIFF files, with two processes.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path

import numpy as np
import rasterio

PROGRAM = Path(__file__).parents[2] / "target/release/examples/register"
SHIFTS = [(0.1, 0), (0, -0.2), (-0.35, 0.5), (0.5, 0), (0.77, -1.5), (1.0, 0.25), (-2.3, 3.1), (4.25, 1), (0, -5), (5, -3.1)]


def cubic(x):
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


KERNELS = {
    "bilinear": lambda x: np.maximum(1 - np.abs(x), 0),
    "cubic": cubic,
    "lanczos3": lambda x: np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0),
}


def along(image, shift, kernel, axis):
    whole = int(np.floor(-shift))
    part = -shift - whole
    taps = np.arange(-2, 4)
    weights = kernel(taps - part)
    total = sum(w * np.roll(image, -(whole + t), axis) for t, w in zip(taps, weights))
    return total / weights.sum()


def moved(image, shift, kernel):
    return along(along(image, shift[0], KERNELS[kernel], 1), shift[1], KERNELS[kernel], 0)


def ours(work, first, second, cell=256):
    for name, image in (("first", first), ("second", second)):
        image.astype("<f4").tofile(work / name)
    done = subprocess.run(
        [PROGRAM, work / "first", work / "second", str(first.shape[1]), str(cell)], capture_output=True, check=True
    )
    return json.loads(done.stdout)


def geotiff(path, image):
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "height": image.shape[0], "width": image.shape[1]}
    place = {"crs": "EPSG:2154", "transform": rasterio.Affine(1, 0, 700000, 0, -1, 6600000)}
    with rasterio.open(path, "w", tiled=True, **profile, **place) as file:
        file.write(image.astype(np.float32), 1)


def arosics(work, first, second, cell=256, processes=2):
    from arosics import COREG_LOCAL

    for name, image in (("first.tif", first), ("second.tif", second)):
        geotiff(work / name, image)
    start = time.perf_counter()
    job = COREG_LOCAL(
        str(work / "first.tif"), str(work / "second.tif"), grid_res=cell, window_size=(cell, cell),
        max_shift=10, CPUs=processes, q=True, progress=False, nodata=(-9999, -9999), ignore_errors=True,
    )
    table = job.CoRegPoints_table
    seconds = time.perf_counter() - start
    good = table[(table.X_SHIFT_PX != -9999) & (table.RELIABILITY >= 60)]
    # Its shifts are corrections: ours with the other sign.
    return seconds, -good[["X_SHIFT_PX", "Y_SHIFT_PX"]].to_numpy(float), len(table), int(table.OUTLIER.sum())


def errors(given, image):
    random, edge = np.random.default_rng(1), 16
    print("kernel, shift (px), cells, good, median error, largest error, median standard error")
    for kernel in KERNELS:
        every = []
        for shift in SHIFTS:
            noise = [given.noise * image.std() * random.standard_normal(image.shape) for _ in range(2)]
            second = 0.8 * moved(image, shift, kernel) + 20 + noise[1]
            inside = (slice(edge, -edge), slice(edge, -edge))
            report = ours(given.work, (image + noise[0])[inside], second[inside])
            good = [c for c in report["cells"] if c[5] == "good"]
            found = [np.hypot(c[2][0] - shift[0], c[2][1] - shift[1]) for c in good]
            every += found
            deviation = np.median([c[3] for c in good])
            print(f"{kernel}, {shift}, {len(report['cells'])}, {len(good)}, {np.median(found):.4f}, {max(found):.4f}, {deviation:.4f}")
        print(f"{kernel}, all, , {len(every)}, {np.median(every):.4f}, {max(every):.4f}")


def speed(given, image):
    random = np.random.default_rng(1)
    pads = [(0, max(given.side - side, 0)) for side in image.shape]
    first = np.pad(image.astype(np.float32), pads, "symmetric")[: given.side, : given.side]
    second = (0.8 * moved(first, (1.3, -0.6), "cubic") + 20).astype(np.float32)
    for date in (first, second):
        date += 0.05 * image.std() * random.standard_normal(date.shape, dtype=np.float32)
    for _ in range(given.runs):
        report = ours(given.work, first, second)
        found = [np.hypot(c[2][0] - 1.3, c[2][1] + 0.6) for c in report["cells"] if c[5] == "good"]
        print("ours", report["seconds"], "median error", np.median(found), {k: v for k, v in report.items() if k not in ("seconds", "cells")}, flush=True)
    if not given.without_arosics:
        seconds, shifts, cells, outliers = arosics(given.work, first, second)
        found = np.hypot(shifts[:, 0] - 1.3, shifts[:, 1] + 0.6)
        print("arosics", seconds, {"cells": cells, "reliable": len(shifts), "outliers": outliers}, np.median(shifts, 0), np.median(found))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["errors", "speed"])
    parser.add_argument("scene")
    parser.add_argument("--band", type=int, default=1)
    parser.add_argument("--noise", type=float, default=0.05)
    parser.add_argument("--side", type=int, default=10000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without-arosics", action="store_true")
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    with rasterio.open(given.scene) as file:
        image = file.read(given.band).astype(np.float64)
    errors(given, image) if given.what == "errors" else speed(given, image)


if __name__ == "__main__":
    main()
