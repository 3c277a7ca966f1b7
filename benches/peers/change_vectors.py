"""A baseline for change detection without training: the magnitude of the change of standardized bands, thresholded by Otsu.

    python benches/peers/change_vectors.py FIRST.tif SECOND.tif LABELS.png --unchanged N --changed N [--bands N ...]

Change-vector analysis (Malila: Change vector analysis, 1980) with Otsu's threshold (1979) over the whole scene. Prints precision,
recall and F1 of change over the labeled pixels as JSON, and the F1 of calling each of them changed.
"""

import argparse
import json

import numpy as np
import rasterio
from PIL import Image
from skimage.filters import threshold_otsu


def standardized(path, bands):
    with rasterio.open(path) as file:
        values = file.read(bands or None).astype(np.float64)
    return (values - values.mean((1, 2), keepdims=True)) / values.std((1, 2), keepdims=True)


def f1(truth, found):
    right = (truth & found).sum()
    return {
        "precision": right / max(found.sum(), 1),
        "recall": right / max(truth.sum(), 1),
        "f1": 2 * right / (truth.sum() + found.sum()),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("first", "second", "labels"):
        parser.add_argument(name)
    for name in ("--unchanged", "--changed"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--bands", type=int, nargs="*", help="numbered from 1; all by default")
    given = parser.parse_args()
    first, second = (standardized(path, given.bands) for path in (given.first, given.second))
    length = np.sqrt(((second - first) ** 2).sum(0))
    labels = np.asarray(Image.open(given.labels))
    known = np.isin(labels, [given.unchanged, given.changed])
    truth, found = labels[known] == given.changed, length[known] > threshold_otsu(length)
    report = {"bands": given.bands, "pixels": int(known.sum()), **f1(truth, found)}
    print(json.dumps({**report, "f1_of_all_changed": f1(truth, np.ones_like(truth))["f1"]}, indent=1))


if __name__ == "__main__":
    main()
