#!/usr/bin/env python3
"""Opens the outputs of runs with other people's software and checks what it finds.

    validate_outputs.py DIR...

A DIR with a catalog (`arpent catalog`) stands for it and every output in its folders. The model packages under models/ are checked against their JSON schema too.
One line per check: `ok`, `FAIL` or `skip`. Exits 1 when a check failed, 2 without a folder to check.
Needs the packages of requirements-validators.txt, and `ogrinfo` from GDAL.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from sheet_checks import check_catalog, check_iso, check_stac_offline, check_table_schema

COLUMNS = ["id", "class_id", "class_name", "score", "area_m2", "pixels_area_m2", "run_id", "model_id", "model_sha256",
           "scene_ids", "acquired", "state"]
OGR_DRIVERS = {".gpkg": "GPKG", ".fgb": "FlatGeobuf", ".geojson": "GeoJSON"}
# What stac-validator calls errors of the way to the schemas, as opposed to errors of the item.
OFFLINE = {"ConnectionError", "ConnectTimeout", "ReadTimeout", "Timeout", "ProxyError", "SSLError", "URLError"}


class Skip(Exception):
    """A check that cannot be made here."""


class Report:
    """Prints one line per check and remembers failures."""

    def __init__(self):
        self.failures = 0
        self.run = ""

    def check(self, name, function, *args):
        """Runs a check, which returns a detail to print or raises; gives what it returned, None on failure."""
        try:
            detail = function(*args)
            word, text = "ok", detail[0] if isinstance(detail, tuple) else detail
        except Skip as reason:
            detail, word, text = None, "skip", reason
        except Exception as error:  # noqa: BLE001 - any error of any library is a failed check
            self.failures += 1
            detail, word, text = None, "FAIL", f"{type(error).__name__}: {error}".replace("\n", " ")
        print(f"{word:4} {self.run}: {name}: {text}", flush=True)
        return detail


def expect(condition, message):
    """An assertion that `python -O` keeps."""
    if not condition:
        raise AssertionError(message)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check_manifest(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    expect(manifest["format"] == "arpent-run/1", f"format {manifest['format']}")
    expect(manifest["artifacts"], "no artifacts")
    for artifact in manifest["artifacts"]:
        path = folder / artifact["href"]
        expect(path.stat().st_size == artifact["size"], f"{artifact['href']}: size")
        expect(sha256(path) == artifact["sha256"], f"{artifact['href']}: sha256")
    return f"{len(manifest['artifacts'])} artifacts with their size and sha256", manifest


def check_table(frame, path):
    """What holds for the features of any format; gives their ids."""
    if frame.empty and path.suffix == ".geojson":
        # GeoJSON has no columns but those of its features.
        return "no features", []
    missing = [name for name in COLUMNS if name not in frame.columns]
    expect(not missing, f"columns {missing} are missing")
    order = [name for name in frame.columns if name in COLUMNS]
    expect(order == COLUMNS, f"columns are in the order {order}")
    ids = list(frame["id"])
    expect(len(set(ids)) == len(ids), "ids are not unique")
    expect(all(re.fullmatch("[0-9a-f]{32}", i) for i in ids), "an id is not 32 hexadecimal digits")
    expect((frame["state"] == "not_verified").all(), "a state is not `not_verified`")
    # What was overridden has no score, and what is made of boxes no pixels.
    expect((frame["score"].isna() | frame["score"].between(0, 1)).all(), "a score is not in 0..1")
    expect((frame["area_m2"] > 0).all(), "an area is not positive")
    expect((frame["pixels_area_m2"].isna() | (frame["pixels_area_m2"] > 0)).all(), "an area of pixels is not positive")
    expect(frame.crs is not None, "there is no CRS")
    expect(frame.geometry.geom_type.eq("Polygon").all(), "a geometry is not a polygon")
    invalid = frame[~frame.geometry.is_valid]
    expect(invalid.empty, f"{len(invalid)} invalid geometries, the first {invalid['id'].head(1).tolist()}")
    return f"{len(ids)} features, geometries valid, ids unique, not_verified", ids


def check_geopandas(path):
    import geopandas

    read = geopandas.read_parquet if path.suffix == ".parquet" else geopandas.read_file
    return check_table(read(path), path)


def check_ogrinfo(path):
    command = ["ogrinfo", "-ro", "-so", "-al", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    expect(done.returncode == 0, done.stderr.strip() or done.stdout.strip())
    expect("ERROR" not in done.stderr, done.stderr.strip())
    expect(f"`{OGR_DRIVERS[path.suffix]}'" in done.stdout, f"driver: {done.stdout.splitlines()[:2]}")
    count = re.search(r"Feature Count: (\d+)", done.stdout)
    expect(count, "ogrinfo counts no features")
    return f"{count.group(1)} features"


def check_gpkg_style(path):
    import sqlite3

    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        style = database.execute("SELECT styleQML FROM layer_styles WHERE useAsDefault").fetchall()
    expect(len(style) == 1 and "<qgis" in style[0][0], "there is no default QGIS style")
    return "a default QGIS style"


def check_qgis(path):
    """A style or a project: XML, and a project opens files beside it, by relative paths."""
    import zipfile
    from xml.etree import ElementTree

    if path.suffix == ".qml":
        root = ElementTree.fromstring(path.read_text())
        expect(root.tag == "qgis" and len(root) > 0, f"the root is {root.tag}")
        return "a style"
    with zipfile.ZipFile(path) as archive:
        expect(archive.testzip() is None, "a damaged archive")
        expect(archive.namelist() == [f"{path.stem}.qgs"], f"{archive.namelist()}")
        root = ElementTree.fromstring(archive.read(f"{path.stem}.qgs"))
    sources = [source.text for source in root.iterfind("projectlayers/maplayer/datasource")]
    expect(sources, "no layers")
    for source in sources:
        file = source.split("|")[0]
        expect(file.startswith("./") and (path.parent / file).is_file(), f"{source} is not beside it")
    expect(root.find("properties/Paths/Absolute").text == "false", "paths are absolute")
    return f"a project of {len(sources)} layers"


def check_pyarrow(path):
    """GeoParquet 1.1: metadata, and a covering that is each geometry's bbox."""
    import pyarrow.parquet as parquet
    import shapely

    table = parquet.read_table(path)
    geo = json.loads(table.schema.metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    expect(geo["version"] == "1.1.0", f"version {geo['version']}")
    expect(column["encoding"] == "WKB" and column["geometry_types"] == ["Polygon"], "encoding or types")
    expect(column["covering"]["bbox"]["xmin"] == ["bbox", "xmin"], "covering")
    geometries = shapely.from_wkb(table["geometry"].to_pylist())
    corners = [[row[name] for name in ("xmin", "ymin", "xmax", "ymax")] for row in table["bbox"].to_pylist()]
    expect(shapely.bounds(geometries).tolist() == corners, "a bbox is not its geometry's")
    ccw = all(shapely.is_ccw(shapely.get_exterior_ring(g)) for g in geometries)
    expect(ccw, "an exterior is not counter-clockwise")
    crs = (column.get("crs") or {}).get("name")
    return f"{table.num_rows} rows, GeoParquet 1.1, covering exact, CRS {crs}"


def check_duckdb(path, expected):
    import duckdb

    # Without the spatial extension, which has to be downloaded: only what plain DuckDB reads.
    quoted = "'" + str(path).replace("'", "''") + "'"
    database = duckdb.connect()
    counts = f"SELECT count(*), count(*) FILTER (bbox.xmin < bbox.xmax) FROM read_parquet({quoted})"
    [(count, boxes)] = database.execute(counts).fetchall()
    keys = database.execute(f"SELECT decode(key) FROM parquet_kv_metadata({quoted})").fetchall()
    expect(count == expected and boxes == expected, f"{count} rows, {boxes} with a bbox, expected {expected}")
    expect(("geo",) in keys, "there is no geo metadata")
    return f"{count} rows, each with a bbox"


def check_geojson(path):
    """RFC 7946: no crs member, longitude and latitude, right-hand rule."""
    import shapely

    collection = json.loads(path.read_text())
    expect(collection["type"] == "FeatureCollection" and "crs" not in collection, "not RFC 7946")
    shapes = [shapely.geometry.shape(f["geometry"]) for f in collection["features"]]
    expect(all(f["id"] == f["properties"]["id"] for f in collection["features"]), "ids differ")
    bounds = shapely.total_bounds(shapes).tolist() if shapes else None
    expect(bounds is None or bounds == collection["bbox"], f"bbox {collection.get('bbox')} is not {bounds}")
    on_globe = not shapes or (-180 <= bounds[0] and bounds[2] <= 180 and -90 <= bounds[1] and bounds[3] <= 90)
    expect(on_globe, f"{bounds} is not longitude and latitude")
    for shape in shapes:
        rings = [shape.exterior.is_ccw, *(not ring.is_ccw for ring in shape.interiors)]
        expect(all(rings), "a ring does not follow the right-hand rule")
    return f"{len(shapes)} features, RFC 7946"


def check_cog(path):
    from rio_cogeo.cogeo import cog_info, cog_validate

    valid, errors, warnings = cog_validate(str(path), quiet=True)
    expect(valid and not warnings, "; ".join([*errors, *warnings]))
    profile = cog_info(str(path)).Profile
    expect(profile.Nodata is not None, "no nodata value")
    return f"valid COG, {profile.Width} x {profile.Height} {profile.Dtype}, nodata {profile.Nodata}"


def check_stac_core(path):
    """The parts of STAC 1.1 that need no schema, and every asset's size and checksum."""
    item = json.loads(path.read_text())
    expect(item["type"] == "Feature" and item["stac_version"] == "1.1.0", "not a STAC 1.1 item")
    properties = item["properties"]
    spanned = {"start_datetime", "end_datetime"} <= properties.keys()
    expect(properties["datetime"] or spanned, "neither datetime nor start and end")
    expect(len(item["bbox"]) == 4 and item["geometry"]["type"] == "Polygon", "bbox or geometry")
    expect("proj:code" in properties or "proj:projjson" in properties, "no CRS")
    checked = 0
    for name, asset in item["assets"].items():
        if "file:size" not in asset:
            continue
        file = path.parent / asset["href"]
        expect(file.stat().st_size == asset["file:size"], f"asset {name}: size")
        expect("1220" + sha256(file) == asset["file:checksum"], f"asset {name}: checksum")
        checked += 1
    expect(checked, "no asset has a checksum")
    return f"STAC 1.1 core, {checked} assets with their size and checksum"


def check_stac_schemas(path):
    import warnings

    # It goes on under another name since its version 4.2, and says so on each import.
    warnings.simplefilter("ignore", DeprecationWarning)
    from stac_validator import stac_validator

    validation = stac_validator.StacValidate(str(path))
    validation.run()
    result = validation.message[0]
    if not result["valid_stac"]:
        kind = str(result.get("error_type"))
        if kind in OFFLINE:
            return check_stac_offline(path)
        raise AssertionError(f"{kind}: {result.get('error_message')}")
    return f"stac-validator: valid against {len(result.get('schema', []))} schemas"


def check_equal(counts, ids, manifest):
    """Every format has the same features, as many as the manifest counts."""
    expected = manifest["counts"]["features"]
    wrong = {name: count for name, count in counts.items() if count != expected}
    expect(not wrong, f"the manifest counts {expected} features, but {wrong}")
    first = next(iter(ids.values()), [])
    differ = [name for name, found in ids.items() if found != first]
    # GeoPackage and FlatGeobuf may store rows in an order of their own.
    expect(all(sorted(ids[name]) == sorted(first) for name in differ), f"ids differ: {list(ids)}")
    return f"{expected} features in each of {list(counts) or 'no format'}"


def check_coverage(path, manifest):
    """No gaps, no overlaps, the same vertices on both sides of every border, nothing below the smallest unit."""
    import geopandas
    import shapely

    frame = geopandas.read_parquet(path)
    shapes = frame.geometry.values
    expect(shapely.coverage_is_valid(shapes), "shapely finds borders that do not match")
    union = shapely.coverage_union_all(shapes)
    expect(shapely.is_valid(union), "the union is not valid")
    total, covered = frame["area_m2"].sum(), union.area
    expect(abs(total - covered) <= 1e-6 * total, f"features of {total} m2 cover {covered} m2")
    options, islands = manifest["config"]["coverage"], manifest["counts"]["coverage"]["islands"]
    units = [options["mmu_m2"], (options.get("built_up") or {}).get("mmu_m2")]
    units += [area for one in options.get("classes", {}).values() for area in (one["mmu_m2"], one["built_up_mmu_m2"])]
    least = min(unit for unit in units if unit is not None)
    small = int((frame["pixels_area_m2"] < least).sum())
    expect(small <= islands, f"{small} features below {least} m2, but {islands} islands")
    return f"{len(frame)} features, {total:.0f} m2, valid after shapely, {islands} islands below the unit"


def check_areas(path):
    """`area_m2` is the area of the geometry: in a projected CRS whose unit is the meter, to the last decimal."""
    import geopandas

    frame = geopandas.read_parquet(path)
    crs = frame.crs
    if crs is None or not crs.is_projected or crs.axis_info[0].unit_conversion_factor != 1 or "Mercator" in (
            crs.coordinate_operation.method_name if crs.coordinate_operation else ""):
        raise Skip("areas on the ground are not those of the plane")
    off = (frame.geometry.area - frame["area_m2"]).abs()
    expect((off <= 1e-4 + 1e-9 * frame["area_m2"]).all(), f"an area is {off.max()} m2 off")
    return f"{len(frame)} areas are those of the geometries"


def check_map(folder, manifest):
    """The map raster holds as many pixels of each class as the features are made of, and is where the prediction is."""
    import geopandas
    import numpy
    import rasterio

    path = {Path(a["href"]).name: folder / a["href"] for a in manifest["artifacts"]}
    if "features.parquet" not in path or manifest["config"]["features"]["min_area_m2"] > 0:
        raise Skip("not every feature is there to be compared with")
    frame = geopandas.read_parquet(path["features.parquet"])
    with rasterio.open(path["map.tif"]) as raster:
        if not raster.crs.is_projected or raster.crs.linear_units_factor[1] != 1:
            raise Skip("pixels are not of one area")
        labels, pixel = raster.read(1), abs(raster.transform.a * raster.transform.e)
    if "labels.tif" in path:
        with rasterio.open(path["labels.tif"]) as raster:
            expect(((raster.read(1) == 255) == (labels == 255)).all(), "valid pixels differ from the prediction's")
    counts = dict(zip(*numpy.unique(labels, return_counts=True)))
    for class_id, area in frame.groupby("class_id")["pixels_area_m2"].sum().items():
        found = counts.get(class_id, 0) * pixel
        expect(abs(found - area) <= 1e-4 * len(frame) + 1e-9 * area, f"class {class_id}: {found} m2 of pixels, {area} m2 of features")
    return f"{len(counts)} classes, as many pixels as the features are made of"


def check_pmtiles(path, expected):
    """PMTiles 3 with PyPI's reader: header, metadata, and every tile as gzip with the layers that the metadata name."""
    import gzip

    from pmtiles.reader import MmapSource, Reader, all_tiles
    from pmtiles.tile import Compression, TileType

    with open(path, "rb") as file:
        source = MmapSource(file)
        header, metadata = Reader(source).header(), Reader(source).metadata()
        tiles = {place: gzip.decompress(data) for place, data in all_tiles(source)}
    expect(header["clustered"] and header["tile_type"] == TileType.MVT, "not clustered, or not MVT")
    expect(header["tile_compression"] == Compression.GZIP, "tiles are not gzip")
    expect(header["addressed_tiles_count"] == len(tiles), f"{len(tiles)} tiles, not {header['addressed_tiles_count']}")
    layers = [layer["id"].encode() for layer in metadata["vector_layers"]]
    expect(set(metadata["vector_layers"][0]["fields"]) >= set(COLUMNS), "fields are missing")
    zooms = {place[0] for place in tiles}
    expect(not expected or zooms == set(range(header["max_zoom"] + 1)), f"zooms {sorted(zooms)}")
    expect(all(any(layer in data for layer in layers) for data in tiles.values() if data), "a tile without a layer")
    return f"{len(tiles)} tiles, zooms 0 to {header['max_zoom']}, layers {[layer.decode() for layer in layers]}"


def check_features(report, path, expected, ids):
    name = path.name
    found = report.check(f"{name} geopandas", check_geopandas, path)
    if found is not None:
        ids[name] = found[1]
    if path.suffix == ".parquet":
        report.check(f"{name} pyarrow", check_pyarrow, path)
        report.check(f"{name} areas", check_areas, path)
        report.check(f"{name} duckdb", check_duckdb, path, expected)
    else:
        report.check(f"{name} ogrinfo", check_ogrinfo, path)
    if path.suffix == ".gpkg":
        report.check(f"{name} style", check_gpkg_style, path)
    if path.suffix == ".geojson":
        report.check(f"{name} rfc7946", check_geojson, path)


def check_report(path, features):
    """Figures of the report, in both languages, against the rows of the GeoParquet file."""
    import html

    import pyarrow.parquet as parquet

    rows = parquet.read_table(features, columns=["class_name", "area_m2", "score"]).to_pylist()
    page = path.read_text()
    expect(not re.search(r"<script|\ssrc=", page), "it loads something, or has a script")
    articles = re.findall(r'<article class="(..)" lang="\1">(.*?)</article>', page, re.S)
    expect(sorted(language for language, _ in articles) == ["en", "fr"], "it is not in English and French")
    for _, article in articles:
        found = dict(re.findall(r'<tr data-class="([^"]*)">(.*?)</tr>', article, re.S))
        names = {html.unescape(name): row for name, row in found.items()}
        expect({row["class_name"] for row in rows} <= set(names), "a class is missing")
        for name, row in names.items():
            of = [feature for feature in rows if feature["class_name"] == name]
            scores = [feature["score"] for feature in of if feature["score"] is not None]
            wanted = [len(of), sum(feature["area_m2"] for feature in of)] + ([sum(scores) / len(scores)] if scores else [])
            figures = [float(value) for value in re.findall(r'<data value="([^"]*)">', row)]
            equal = len(figures) == len(wanted) and all(abs(a - b) <= 1e-9 * max(1, abs(b)) for a, b in zip(figures, wanted))
            expect(equal, f"{name}: {figures} in the report, {wanted} in {features.name}")
    return f"{len(rows)} features, figures of {len(names)} classes"


def check_run(report, folder):
    report.run = folder.name
    found = report.check("manifest", check_manifest, folder)
    if found is None:
        return
    manifest = found[1]
    paths = [folder / artifact["href"] for artifact in manifest["artifacts"]]
    of_features = {folder / artifact["href"] for artifact in manifest["artifacts"] if artifact["role"] == "features"}
    ids = {}
    for path in paths:
        # Events are multipolygons with columns of their own, zones have none of the features.
        if path in of_features and (path.suffix == ".parquet" or path.suffix in OGR_DRIVERS):
            check_features(report, path, manifest["counts"]["features"], ids)
        elif path.suffix in OGR_DRIVERS:
            report.check(f"{path.name} ogrinfo", check_ogrinfo, path)
        elif path.suffix == ".pmtiles":
            report.check(f"{path.name} pmtiles", check_pmtiles, path, manifest["counts"]["features"])
        elif path.suffix in (".qml", ".qgz"):
            report.check(f"{path.name} qgis", check_qgis, path)
        elif path.suffix == ".tif":
            report.check(f"{path.name} rio-cogeo", check_cog, path)
        elif path.name.endswith(".schema.json"):
            report.check(path.name, check_table_schema, path)
        elif path.name == "metadata.xml":
            report.check("metadata.xml", check_iso, path, manifest)
        elif path.name == "item.json":
            report.check("item core", check_stac_core, path)
            report.check("item schemas", check_stac_schemas, path)
    for path in paths:
        if path in of_features and path.suffix == ".parquet" and manifest["config"].get("coverage"):
            report.check(f"{path.name} coverage", check_coverage, path, manifest)
    tables = [path for path in paths if path.name == "features.parquet"]
    for path in paths:
        if path.name == "report.html" and tables:
            report.check("report.html", check_report, path, tables[0])
    if any(path.name == "map.tif" for path in paths):
        report.check("map.tif", check_map, folder, manifest)
    counts = {name: len(found) for name, found in ids.items()}
    if of_features:
        report.check("formats agree", check_equal, counts, ids, manifest)


def check_model(path, schema):
    """A model.json against the JSON schema that is checked in."""
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(schema)
    model = json.loads(path.read_text())
    jsonschema.validate(model, schema, cls=jsonschema.Draft202012Validator)
    return f"{model['id']} {model['version']}, valid against configs/model.schema.json"


def check_models(report, root):
    """Every package that is shipped."""
    schema = json.loads((root / "configs/model.schema.json").read_text())
    for path in sorted(root.glob("models/*/model.json")):
        report.run = path.parent.name
        report.check("model.json", check_model, path, schema)


def main():
    folders = [Path(argument) for argument in sys.argv[1:]]
    if not folders or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    # Readers must not leave files beside what they check.
    os.environ["GDAL_PAM_ENABLED"] = "NO"
    report = Report()
    check_models(report, Path(__file__).resolve().parent.parent)
    runs = []
    for folder in folders:
        if (folder / "catalog.json").is_file():
            report.run = folder.name
            report.check("catalog", check_catalog, folder)
            runs += sorted(path.parent for path in folder.glob("*/manifest.json"))
        else:
            runs.append(folder)
    for run in runs:
        check_run(report, run)
    print(f"{len(runs)} run(s) checked, {report.failures} failure(s)")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
