"""Writes zonal_values.json: measured values in zones, as exactextract has them.

    pip install numpy shapely exactextract
    python make_zonal_values.py

Two values of each pixel, in quarters (exact in single precision), with holes; the second has more. Mean and standard deviation are
weighted by the part of a pixel inside of the zone, minimum and maximum are of all pixels that it touches.
"""

import json
import pathlib

import numpy as np
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from shapely.geometry import MultiPolygon, Polygon, mapping

X0, Y0, GSD, WIDTH, HEIGHT = 650_000.0, 6_860_000.0, 0.5, 40, 30
STATISTICS = {"mean": "mean", "std": "stdev", "min": "min", "max": "max", "pixels": "count"}


def zones():
    at = lambda points: [(X0 + col * GSD, Y0 - row * GSD) for col, row in points]
    square = lambda c0, r0, c1, r1: at([(c0, r0), (c1, r0), (c1, r1), (c0, r1)])
    yield "whole pixels", Polygon(square(10, 5, 20, 12))
    yield "parts", Polygon(at([(3.2, 4.7), (31.4, 2.1), (36.9, 20.3), (17.3, 27.8)]))
    yield "hole", Polygon(square(5.5, 5.25, 30.75, 25.5), [square(10.1, 8.2, 20.7, 18.9)])
    yield "two", MultiPolygon([Polygon(square(1.5, 1.5, 4.25, 6.75)), Polygon(square(30.2, 20.2, 38.8, 28.4))])
    yield "in a pixel", Polygon(square(12.3, 9.2, 12.6, 9.9))
    yield "without a value", Polygon(square(0.5, 24.25, 5.5, 29.5))
    yield "over the edge", Polygon(square(35.5, 25.25, 44.0, 33.0))
    yield "outside", Polygon(square(60, 60, 70, 70))


def main():
    rng = np.random.default_rng(7)
    values = rng.integers(-40, 400, (2, HEIGHT, WIDTH)) / 4.0
    values[:, 23:, :7] = np.nan
    values[:, rng.random((HEIGHT, WIDTH)) < 0.05] = np.nan
    values[1, rng.random((HEIGHT, WIDTH)) < 0.2] = np.nan
    rows = []
    for name, zone in zones():
        feature = {"type": "Feature", "properties": {}, "geometry": mapping(zone)}
        found = []
        for band in values:
            raster = NumPyRasterSource(band, X0, Y0 - HEIGHT * GSD, X0 + WIDTH * GSD, Y0)
            of = exact_extract(raster, [feature], list(STATISTICS.values()))[0]["properties"]
            of = {ours: of[theirs] for ours, theirs in STATISTICS.items()}
            found.append(None if not of["pixels"] else {key: float(value) for key, value in of.items()})
        rows.append({"zone": name, "geometry": mapping(zone), "values": found})
    plain = lambda band: [None if np.isnan(v) else float(v) for v in band.flatten()]
    content = {"corner": [X0, Y0], "gsd": GSD, "size": [WIDTH, HEIGHT], "bands": [plain(band) for band in values], "zones": rows}
    pathlib.Path(__file__).with_name("zonal_values.json").write_text(json.dumps(content) + "\n")


main()
