"""A scene laid out as annual embeddings are published, and a few labels: int8, a vector of length 1 for each pixel, nodata -128.

    embeddings.py SIDE BANDS SCENE.tif [pixel|band|strips]

writes SCENE.tif and SCENE.geojson (field `cover`) of five covers in fields of 128 x 128 px; SIDE is a multiple of 512. Needs numpy and
rasterio.
"""

import json
import sys

import numpy as np
import rasterio
from rasterio.transform import Affine
from rasterio.windows import Window

FIELD = 128
STEP = 512
COVERS = ["forest", "meadow", "water", "crop", "town"]
WEST, NORTH, GSD = 450_000, 5_200_000, 10


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def cover(rows, cols):
    return (cols // FIELD + 2 * (rows // FIELD)) % len(COVERS)


def write_scene(path, side, bands, layout):
    random = np.random.default_rng(1)
    classes = unit(random.normal(size=(len(COVERS), bands))).astype("float32")
    tiles = {} if layout == "strips" else {"tiled": True, "blockxsize": STEP, "blockysize": STEP, "compress": "zstd"}
    interleave = "band" if layout == "band" else "pixel"
    transform = Affine(GSD, 0, WEST, 0, -GSD, NORTH)
    profile = {"driver": "GTiff", "width": side, "height": side, "count": bands, "dtype": "int8", "nodata": -128}
    profile |= {"crs": "EPSG:32631", "transform": transform, "interleave": interleave, "bigtiff": "yes"} | tiles
    with rasterio.open(path, "w", **profile) as out:
        for band in range(bands):
            out.set_band_description(band + 1, f"A{band:02}")
        for row in range(0, side, STEP):
            for col in range(0, side, STEP):
                rows, cols = np.mgrid[row : row + STEP, col : col + STEP]
                noise = random.uniform(-0.12, 0.12, size=(STEP, STEP, bands)).astype("float32")
                vectors = unit(classes[cover(rows, cols)] + noise)
                stored = np.rint(np.sign(vectors) * np.sqrt(np.abs(vectors)) * 127.5).clip(-127, 127)
                out.write(np.moveaxis(stored.astype("int8"), -1, 0), window=Window(col, row, STEP, STEP))


def write_labels(path, side):
    features = []
    for row in range(0, side, FIELD):
        for col in range(0, side, FIELD):
            # One field of 31.
            if (row // FIELD * 7 + col // FIELD * 3) % 31:
                continue
            x, y, size = WEST + (col + 20) * GSD, NORTH - (row + 20) * GSD, 30 * GSD
            ring = [[x, y], [x, y - size], [x + size, y - size], [x + size, y], [x, y]]
            properties = {"cover": COVERS[cover(row, col)]}
            geometry = {"type": "Polygon", "coordinates": [ring]}
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"type": "FeatureCollection", "crs": crs, "features": features}, out)


if __name__ == "__main__":
    side, bands, scene = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    write_scene(scene, side, bands, sys.argv[4] if len(sys.argv) > 4 else "pixel")
    write_labels(scene.replace(".tif", ".geojson"), side)
