"""Tiles of a coverage beside tippecanoe: time, memory, and what is left of the coverage at every zoom.

    python tiles.py COVERAGE.geojsonl GEOJSONL_BINARY FOLDER [--measure]

COVERAGE: a GeoJSON sequence of gap-free polygons with `class_id` and `fid`. GEOJSONL_BINARY: `cargo build --release -p arpent-tiles --example geojsonl`.
Needs tippecanoe, pmtiles, mapbox-vector-tile, geopandas. `--measure` decodes all tiles: for small coverages.
"""

import argparse
import gzip
import os
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
for name in ("coverage", "binary", "folder"):
    parser.add_argument(name, type=Path)
parser.add_argument("--measure", action="store_true")
given = parser.parse_args()
HALF = 20037508.342789244  # half the side of the world, meters of Web Mercator
out = {name: given.folder / f"{name}.pmtiles" for name in ("arpent", "tippecanoe")}
peer = "tippecanoe -q -f -Z0 -z16 -pn -pt --no-tile-size-limit --no-feature-limit -l features -o".split()
commands = {"arpent": [given.binary, given.coverage, out["arpent"], "16", str(os.cpu_count())],
            "tippecanoe": [*peer, out["tippecanoe"], given.coverage]}
for name, command in commands.items():
    start, child = time.perf_counter(), os.posix_spawnp(str(command[0]), [str(word) for word in command], os.environ)
    _, status, used = os.wait4(child, 0)
    assert status == 0, name
    print(f"{name}: {time.perf_counter() - start:.1f} s, {used.ru_utime + used.ru_stime:.1f} CPU s, {used.ru_maxrss / 1024:.0f} MB, "
          f"{out[name].stat().st_size / 1e6:.1f} MB written", flush=True)
# Only now: a child's peak begins with the memory of its parent.
import geopandas as gpd  # noqa: E402
import mapbox_vector_tile as mvt  # noqa: E402
import shapely  # noqa: E402
from pmtiles.reader import MmapSource, all_tiles  # noqa: E402

truth = gpd.read_file(given.coverage).set_crs(4326, allow_override=True).to_crs(3857) if given.measure else None
ground = shapely.union_all(truth.geometry.values) if given.measure else None
for name, path in out.items():
    zooms = {}
    with open(path, "rb") as file:
        for (z, x, y), data in all_tiles(MmapSource(file)):
            at = zooms.setdefault(z, {"largest": 0, "shapes": [], "classes": []})
            at["largest"] = max(at["largest"], len(data))
            layer = mvt.decode(gzip.decompress(data), default_options={"y_coord_down": True})["features"] if given.measure else {"features": []}
            side = 2 * HALF / 2**z
            west, north = x * side - HALF, HALF - y * side
            for feature in layer["features"]:
                unit = side / layer["extent"]
                shape = shapely.transform(shapely.geometry.shape(feature["geometry"]), lambda c: c * [unit, -unit] + [west, north])
                at["shapes"].append(shapely.intersection(shapely.make_valid(shape), shapely.box(west, north - side, west + side, north)))
                at["classes"].append(feature["properties"]["class_id"])
    for z, at in sorted(zooms.items()):
        line = f"{name} z{z}: largest tile {at['largest']} bytes"
        if given.measure:
            drawn = gpd.GeoSeries(at["shapes"]).area
            union, sums, wanted = shapely.union_all(at["shapes"]), drawn.groupby(at["classes"]).sum(), truth.area.groupby(truth.class_id).sum()
            gaps, overlaps = 1 - union.intersection(ground).area / ground.area, (drawn.sum() - union.area) / ground.area
            line += f", gaps {gaps:.4%}, overlaps {overlaps:.4%}, class area {(sums.reindex(wanted.index, fill_value=0) / wanted - 1).abs().max():.2%}"
        print(line, flush=True)
