"""Polygons of a class each, drawn over one scene (items are defined in datasets/src/layouts/raster_polygons.rs)."""

import math
from dataclasses import dataclass

import fiona
import numpy as np
import rasterio
from rasterio.features import geometry_mask
from rasterio.warp import transform_geom
from rasterio.windows import Window

from terms import IGNORE


@dataclass
class Area:
    """A polygon, its window in the scene (row, column; south and east excluded), class and side of the split."""

    name: str
    geometry: dict
    bounds: tuple
    label: int
    split: str


def read(data, folder, positions, side_of):
    """Name, group, split, values and labels of every polygon that lies on the scene; a polygon is a group."""
    drawn = data["polygons"]
    with rasterio.open(folder / drawn["raster"]) as scene:
        areas = list(read_areas(folder / drawn["file"], drawn["field"], scene, positions, side_of))
        for area in areas:
            window = around(area, drawn["margin"], scene)
            values = scene.read(data["bands"], window=window)
            if scene.nodata is not None and (values == scene.nodata).any():
                raise SystemExit(f"{area.name}: pixels without data")
            yield area.name, area.name, area.split, values, labels(areas, area.split, scene, window)


def read_areas(path, field, scene, positions, side_of):
    """The polygons on the scene, numbered from 1 as in the file, brought to the scene's CRS."""
    with fiona.open(path) as file:
        for number, found in enumerate(file, 1):
            geometry = transform_geom(file.crs_wkt, scene.crs, found.geometry.__geo_interface__)
            bounds = bounds_of(geometry, scene)
            if bounds[0] < scene.height and bounds[1] < scene.width and bounds[2] > 0 and bounds[3] > 0:
                name, label = f"{number:06}", positions[found.properties[field].lower()]
                yield Area(name, geometry, bounds, label, side_of(name))


def bounds_of(geometry, scene):
    parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    points = [~scene.transform * point[:2] for rings in parts for ring in rings for point in ring]
    columns, rows = zip(*points)
    return math.floor(min(rows)), math.floor(min(columns)), math.ceil(max(rows)), math.ceil(max(columns))


def around(area, margin, scene):
    """The polygon's window with its surroundings, as far as there is a scene."""
    top, left, bottom, right = area.bounds
    top, left = max(top - margin, 0), max(left - margin, 0)
    bottom, right = min(bottom + margin, scene.height), min(right + margin, scene.width)
    return Window(left, top, right - left, bottom - top)


def labels(areas, split, scene, window):
    """Classes of the polygons of this split. Where one of another split, or of another class, lies as well, nothing is
    known. A pixel is of a polygon when its center is in it."""
    shape, transform = (window.height, window.width), scene.window_transform(window)
    found = np.full(shape, -1, np.int16)
    for area in areas:
        label = area.label if area.split == split else IGNORE
        inside = geometry_mask([area.geometry], shape, transform, invert=True)
        found[inside] = np.where((found[inside] == -1) | (found[inside] == label), label, IGNORE)
    return np.where(found < 0, IGNORE, found).astype(np.uint8)
