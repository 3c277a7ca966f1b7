"""A scene of N times the area, made of copies of another side by side (tiled, DEFLATE).

python benches/peers/speed_scene.py SCENE.tif TIMES FILE.tif
"""

import math
import os
import sys

import numpy as np
import rasterio
from rasterio.windows import Window

BLOCK = 512


def enlarge(source, times, path):
    side = math.isqrt(times)
    if side * side != times:
        raise SystemExit(f"{times} is no square number")
    with rasterio.open(source) as scene:
        values, profile = scene.read(), scene.profile
    height, width = values.shape[1] * side, values.shape[2] * side
    profile.update(driver="GTiff", height=height, width=width, tiled=True, blockxsize=BLOCK, blockysize=BLOCK)
    profile.update(
        compress="DEFLATE", predictor=2, interleave="pixel", BIGTIFF="IF_SAFER", num_threads="ALL_CPUS"
    )
    with rasterio.open(path, "w", **profile) as out:
        for top in range(0, height, BLOCK):
            rows = np.arange(top, min(top + BLOCK, height)) % values.shape[1]
            strip = np.tile(values[:, rows], (1, 1, side))
            out.write(strip, window=Window(0, top, width, len(rows)))


if __name__ == "__main__":
    os.environ["GDAL_PAM_ENABLED"] = "NO"
    enlarge(sys.argv[1], int(sys.argv[2]), sys.argv[3])
