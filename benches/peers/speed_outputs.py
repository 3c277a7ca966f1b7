"""Compares the contents of two folders of outputs, as JSON: features of each, and the share of pixels whose labels differ.

python benches/peers/speed_outputs.py FOLDER [FOLDER]
"""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import rasterio


def find(folder, name):
    """A file of an output; those of `arpent run` are listed in its manifest."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return folder / name
    hrefs = (one["href"] for one in json.loads(manifest.read_text())["artifacts"])
    return next(folder / href for href in hrefs if Path(href).name == name)


def differ(first, second):
    """Share of the pixels, strip by strip."""
    with rasterio.open(first) as a, rasterio.open(second) as b:
        if a.shape != b.shape:
            raise SystemExit(f"labels of {a.shape} and {b.shape}")
        windows = (window for _, window in a.block_windows(1))
        return sum(int(np.sum(a.read(1, window=w) != b.read(1, window=w))) for w in windows) / (
            a.width * a.height
        )


def main():
    folders = [Path(folder) for folder in sys.argv[1:]]
    counts = [pyarrow.parquet.read_metadata(find(folder, "features.parquet")).num_rows for folder in folders]
    apart = differ(*(find(folder, "labels.tif") for folder in folders)) if len(folders) == 2 else None
    print(json.dumps({"features": counts, "labels_differ": apart}))


if __name__ == "__main__":
    main()
