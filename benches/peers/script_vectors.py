"""Regions of a file of labels with the usual tools; prints the result as JSON.

    python benches/peers/script_vectors.py polygonize LABELS WIDTH
    python benches/peers/script_vectors.py script LABELS WIDTH --mmu-px 100 --tolerance-px 1

`polygonize`: GDAL's polygonize alone, up to its layer in memory. `script`: the usual chain, which ends in a GeoParquet
file: GDAL's sieve, polygonize, shapely's coverage_simplify, geopandas.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.features import shapes, sieve


def polygonize(labels):
    began = time.process_time()
    # The first shape comes when the layer is complete.
    next(shapes(labels, connectivity=4))
    return {"seconds": time.process_time() - began, "gdal": rasterio.__gdal_version__}


def script(labels, given):
    import geopandas
    import shapely
    from shapely.geometry import shape

    began = time.process_time()
    sieved = sieve(labels, given.mmu_px, connectivity=4)
    found = [(shape(geometry), int(value)) for geometry, value in shapes(sieved, connectivity=4)]
    frame = geopandas.GeoDataFrame({"class": [value for _, value in found]}, geometry=[one for one, _ in found])
    frame["geometry"] = shapely.coverage_simplify(frame.geometry.values, given.tolerance_px)
    frame.to_parquet(given.output)
    return {"seconds": time.process_time() - began, "regions": len(frame)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["polygonize", "script"])
    parser.add_argument("labels", type=Path)
    parser.add_argument("width", type=int)
    parser.add_argument("--mmu-px", type=int, default=100)
    parser.add_argument("--tolerance-px", type=float, default=1.0)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    labels = np.fromfile(given.labels, np.uint8).reshape(-1, given.width)
    print(json.dumps(polygonize(labels) if given.what == "polygonize" else script(labels, given)))


if __name__ == "__main__":
    main()
