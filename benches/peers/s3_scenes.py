"""Two cloud-optimized GeoTIFFs of 10,000 x 10,000 px, three bytes a pixel: deflate.tif and jpeg.tif, in FOLDER.

python benches/peers/s3_scenes.py FOLDER
"""

import sys

import numpy as np
import rasterio
from rasterio.shutil import copy
from rasterio.transform import from_origin

SIDE = 10_000
FORMATS = {
    "deflate": {"COMPRESS": "DEFLATE", "PREDICTOR": "YES"},
    "jpeg": {"COMPRESS": "JPEG", "QUALITY": 85},
}


def relief(random, step):
    """Smooth noise from 0 to 1 whose bumps are `step` pixels wide."""
    knots = random.random((SIDE // step + 2,) * 2, dtype=np.float32)
    at = np.arange(SIDE) / step
    low, part = at.astype(int), (at % 1).astype(np.float32)
    rows = knots[low] * (1 - part)[:, None] + knots[low + 1] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, low + 1] * part


def main(folder):
    random = np.random.default_rng(7)
    ground = relief(random, 300) * 120 + relief(random, 23) * 60
    kind = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 3, "dtype": "uint8", "crs": "EPSG:2154"}
    kind |= {"transform": from_origin(650_000, 6_860_000, 0.2, 0.2), "photometric": "RGB", "tiled": True}
    with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS", GDAL_CACHEMAX=256):
        with rasterio.open("/vsimem/scene.tif", "w", **kind) as scene:
            for band in (1, 2, 3):
                grain = random.integers(0, 12, (SIDE, SIDE), dtype=np.uint8)
                scene.write((ground + relief(random, 7) * 30 + grain).clip(1, 255).astype(np.uint8), band)
        for name, options in FORMATS.items():
            copy("/vsimem/scene.tif", f"{folder}/{name}.tif", driver="COG", BLOCKSIZE=512, **options)


if __name__ == "__main__":
    main(sys.argv[1])
