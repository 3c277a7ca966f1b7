"""Writes zonal.json: a small map, zones and roads laid over it, and what exactextract says of them.

    python -m venv venv
    venv/bin/pip install numpy shapely exactextract rasterstats geopandas
    venv/bin/python make_zonal.py [FOLDER WITH s2_flanders_fields]

exactextract gives the part of each pixel that a polygon covers; areas, shares and means are sums over these parts, written
out here. It holds parts in single precision, hence results agree to six digits. Where zones are made of whole pixels,
rasterstats must agree too; shapely's intersections with pixels must agree everywhere. Surfaces of roads are made of a
rectangle for each edge and a disc for each bend, as arpent makes them; GEOS's own flat buffer differs by the way it rounds
bends, here by less than a thousandth of the area.

With the folder of the real scene, results for every fourth of its field polygons (over labels made of column and row, see
`formula`) are written too; without it, those of the former file are kept. Only numbers: no geometry of theirs.
"""

import importlib.metadata
import json
import pathlib
import sys

import affine
import geopandas
import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from rasterstats import zonal_stats
from shapely.geometry import LineString, MultiLineString, MultiPolygon, Point, Polygon, box, mapping

OUT = pathlib.Path(__file__).with_name("zonal.json")
NODATA = 255
CRS = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}
X0, Y0, GSD, WIDTH, HEIGHT = 650_000.0, 6_860_000.0, 0.5, 64, 48
CLASSES = {0: "ground", 1: "crack", 2: "live tree", 7: "pothole"}


def source(values, bounds):
    west, south, east, north = bounds
    return NumPyRasterSource(values.astype(np.float64), west, south, east, north)


def parts(polygon, shape, bounds):
    """The part of each pixel that is inside, as exactextract has it."""
    cells = np.arange(shape[0] * shape[1], dtype=np.float64).reshape(shape)
    found = exact_extract(
        source(cells, bounds), [{"type": "Feature", "properties": {}, "geometry": mapping(polygon)}], ["values", "coverage"]
    )[0]["properties"]
    out = np.zeros(shape[0] * shape[1])
    out[np.asarray(found["values"], dtype=np.int64)] = found["coverage"]
    return out.reshape(shape)


def result(polygon, labels, confidence, bounds, gsd):
    if polygon.is_empty:
        return {"area_m2": 0.0, "valid_area_m2": 0.0, "classes": {}}
    inside = parts(polygon, labels.shape, bounds)
    valid = labels != NODATA
    classes = {}
    for label in np.unique(labels[valid & (inside > 0)]):
        of = inside * (labels == label)
        scored = of * (confidence != NODATA)
        score = float((scored * confidence).sum() / scored.sum() * 0.004) if scored.sum() > 0 else None
        count = float(of.sum())
        share = count / float((inside * valid).sum())
        classes[str(label)] = {"count": count, "area_m2": count * gsd**2, "share": share, "score": score}
    return {"area_m2": polygon.area, "valid_area_m2": float((inside * valid).sum()) * gsd**2, "classes": classes}


def ranked(results, labels):
    """Competition rank by the share of classes, 1 for the largest."""
    share = lambda r: round(sum(c["share"] for k, c in r["classes"].items() if int(k) in labels), 6)
    shares = [share(r) if r["valid_area_m2"] > 0 else None for r in results]
    for r, s in zip(results, shares):
        r["rank"] = None if s is None else 1 + sum(1 for o in shares if o is not None and o > s)


def surface(line, width):
    """Rectangles along edges and discs at bends, united."""
    pieces = []
    for part in getattr(line, "geoms", [line]):
        points = list(part.coords)
        pieces += [LineString(ends).buffer(width / 2, cap_style="flat") for ends in zip(points, points[1:])]
        pieces += [Point(p).buffer(width / 2, quad_segs=8) for p in points[1:-1]]
    whole = shapely.union_all(pieces)
    usual = line.buffer(width / 2, cap_style="flat", join_style="round", quad_segs=8)
    assert abs(whole.area / usual.area - 1) < 1e-3, (whole.area, usual.area)
    return whole


def features(rows):
    collection = [{"type": "Feature", "properties": p, "geometry": g and mapping(g)} for p, g in rows]
    return {"type": "FeatureCollection", "crs": CRS, "features": collection}


def at(col, row):
    return (X0 + col * GSD, Y0 - row * GSD)


def pixels(points):
    return [at(*p) for p in points]


def small_map(rng):
    """Blocks of classes with specks, and a corner and some pixels without an answer."""
    labels = rng.choice([0, 2], size=(HEIGHT // 8, WIDTH // 8)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    labels[rng.random(labels.shape) < 0.15] = 1
    labels[rng.random(labels.shape) < 0.05] = 7
    labels[rng.random(labels.shape) < 0.03] = NODATA
    labels[:9, :12] = NODATA
    confidence = rng.integers(0, 251, labels.shape).astype(np.uint8)
    confidence[rng.random(labels.shape) < 0.1] = NODATA
    confidence[labels == NODATA] = NODATA
    return labels, confidence


def zones(rng):
    star = lambda c, r, n: Polygon(
        pixels([(c[0] + q * np.cos(t), c[1] + q * np.sin(t))
                for q, t in zip(rng.uniform(0.3 * r, r, n), np.linspace(0, 2 * np.pi, n, endpoint=False))])
    )
    ring = lambda c0, r0, c1, r1: pixels([(c0, r0), (c1, r0), (c1, r1), (c0, r1)])
    rows = [
        ("whole pixels", Polygon(ring(20, 10, 30, 18))),
        ("hole", Polygon(ring(30.5, 8.25, 50.75, 30.5), [ring(35.1, 12.2, 41.7, 20.9)])),
        ("two parts", MultiPolygon([Polygon(ring(2.2, 30.1, 9.9, 40.3)), star((22, 36), 6, 7)])),
        ("in one pixel", Polygon(ring(40.3, 40.2, 40.6, 40.9))),
        ("without data", Polygon(ring(1, 1, 7.5, 8.5))),
        ("partly without data", Polygon(ring(8.5, 5.5, 16.25, 14.75))),
        ("over the edge", Polygon(ring(58.5, 40.5, 70.25, 60.5))),
        ("outside", Polygon(ring(100, 100, 110, 110))),
        ("sliver", Polygon(pixels([(3, 20), (60, 20.01), (3, 20.02)]))),
        ("nothing", None),
    ]
    rows += [(f"star {i}", star(rng.uniform(10, 50, 2) * [1, 0.8], rng.uniform(2, 14), int(rng.integers(5, 30)))) for i in range(12)]
    return [({"parcel": name, "owner": i % 3, "Rank": "a"}, geometry) for i, (name, geometry) in enumerate(rows)]


def roads():
    """Ways as OpenStreetMap has them: ids, tags, a width on some, written as text."""
    rows = [
        (101, "residential", "6", [(2, 24), (20, 23), (38, 26), (62, 25)]),
        (102, "residential", None, [(38, 26), (39, 40), (45, 47)]),
        (103, "service", "3.5", [(20, 23), (20, 12), (28, 12), (28, 18), (20, 18)]),
        (104, "track", "2.5", [(0, 45), (10, 44), (25, 46)]),
        (105, "tertiary", "7", [(50, 2), (57.5, 10), (57.5, 22), (70, 30)]),
    ]
    lines = [({"osm_id": i, "highway": h, "width": w}, LineString(pixels(p))) for i, h, w, p in rows]
    both = MultiLineString([pixels([(12, 30), (30, 32)]), pixels([(31, 33), (44, 34)])])
    return lines + [({"osm_id": 106, "highway": "path", "width": "2"}, both)]


def formula(col, row):
    """Labels and confidences made of column and row, counted from the origin of the CRS."""
    label = (col // 3 + row // 5 + (col * row) // 97) % 5
    label = np.where((col * 31 + row * 17) % 23 == 0, NODATA, label)
    return label.astype(np.uint8), ((col * 7 + row * 11) % 251).astype(np.uint8)


def real_fields(folder):
    """Fields in UTM 31N over a raster of 1500 x 806 pixels of 10 m; some lie outside of it, in part or as a whole."""
    file = pathlib.Path(folder) / "fields_BEFL-s2-fields-2023_polygons.gpkg"
    drawn = list(geopandas.read_file(file, layer="polygons").geometry)
    fields = [shapely.make_valid(g) if g else Polygon() for g in drawn]
    col0, row0, width, height = 48_450, -565_103, 1500, 806
    cols, rows = np.meshgrid(np.arange(col0, col0 + width), np.arange(row0, row0 + height))
    labels, confidence = formula(cols, rows)
    bounds = (col0 * 10.0, (-row0 - height) * 10.0, (col0 + width) * 10.0, -row0 * 10.0)
    some = range(0, len(fields), 4)
    results = [{"feature": i + 1, **result(fields[i], labels, confidence, bounds, 10.0)} for i in some]
    extent = box(*bounds)
    counts = {
        "zones": len(drawn),
        "repaired": sum(1 for g in drawn if g and not g.is_valid),
        "empty": sum(1 for g in drawn if not g),
        "outside": sum(1 for f in fields if f.area > 0 and not f.intersects(extent)),
        "partly_outside": sum(1 for f in fields if f.intersects(extent) and not extent.covers(f)),
    }
    return {"window": [col0, row0, width, height], "counts": counts, "results": results}


def rounded(value):
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def main():
    rng = np.random.default_rng(20)
    labels, confidence = small_map(rng)
    bounds = (X0, Y0 - HEIGHT * GSD, X0 + WIDTH * GSD, Y0)
    parcels, ways = zones(rng), roads()
    areas = [g or Polygon() for _, g in parcels]
    surfaces = [surface(line, float(p["width"] or 5.0)) for p, line in ways]
    grid = [box(*at(c, r + 1), *at(c + 1, r)) for r in range(HEIGHT) for c in range(WIDTH)]
    for area in areas + surfaces:
        if not area.is_empty:
            exact = shapely.area(shapely.intersection(grid, area)).reshape(labels.shape) / GSD**2
            assert np.abs(exact - parts(area, labels.shape, bounds)).max() < 1e-6
    of = lambda areas: [result(a, labels, confidence, bounds, GSD) for a in areas]
    of_zones, of_roads = of(areas), of(surfaces)
    transform = (GSD, 0.0, X0, 0.0, -GSD, Y0)
    counted = zonal_stats([areas[0]], labels, affine=affine.Affine(*transform), categorical=True, nodata=NODATA)[0]
    assert {str(k): v for k, v in counted.items()} == {k: c["count"] for k, c in of_zones[0]["classes"].items()}
    ranked(of_zones, {1, 7})
    ranked(of_roads, {1, 7})
    packages = ["exactextract", "rasterstats", "shapely", "numpy"]
    former = json.loads(OUT.read_text()) if OUT.exists() else {}
    cases = {
        "versions": {p: importlib.metadata.version(p) for p in packages},
        "classes": CLASSES,
        "map": {"x": X0, "y": Y0, "gsd": GSD, "width": WIDTH, "height": HEIGHT,
                "labels": labels.ravel().tolist(), "confidence": confidence.ravel().tolist()},
        "zones": features(parcels),
        "of_zones": rounded(of_zones),
        "roads": features(ways),
        "of_roads": rounded(of_roads),
        "fields": rounded(real_fields(sys.argv[1])) if len(sys.argv) > 1 else former.get("fields"),
    }
    OUT.write_text(json.dumps(cases, separators=(",", ":")).replace('"of_', '\n"of_').replace('"zones":', '\n"zones":') + "\n")


main()
