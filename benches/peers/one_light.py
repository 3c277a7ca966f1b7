"""Matches the light of the later date of pairs of scenes to that of the earlier: means and deviations, band by band.

    python benches/peers/one_light.py FOLDER OUTPUT [--first _t1] [--second _t2]

A straight line for each band (relative radiometric normalization: Yuan and Elvidge, Comparison of relative radiometric
normalization techniques, 1996), from all pixels, changed ones too. OUTPUT is a copy of FOLDER with other later dates.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import rasterio


def lit(later, earlier):
    """Bands [n, height, width] of the later date, in the sample type that they had."""
    (mean, deviation), (to_mean, to_deviation) = map(moments, (later, earlier))
    values = (later - mean) / deviation * to_deviation + to_mean
    if np.issubdtype(later.dtype, np.integer):
        limits = np.iinfo(later.dtype)
        values = np.rint(values).clip(limits.min, limits.max)
    return values.astype(later.dtype)


def moments(bands):
    return bands.mean((1, 2), keepdims=True), bands.std((1, 2), keepdims=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--first", default="_t1", help="end of the names of earlier dates")
    parser.add_argument("--second", default="_t2", help="end of the names of later dates")
    given = parser.parse_args()
    given.output.mkdir(parents=True)
    for path in filter(Path.is_file, given.folder.iterdir()):
        shutil.copyfile(path, given.output / path.name)
    for path in given.output.glob(f"*{given.second}.tif"):
        earlier = path.with_name(path.name.replace(f"{given.second}.tif", f"{given.first}.tif"))
        with rasterio.open(earlier) as first, rasterio.open(path) as second:
            values, profile = lit(second.read(), first.read()), second.profile
        with rasterio.open(path, "w", **profile) as file:
            file.write(values)


if __name__ == "__main__":
    main()
