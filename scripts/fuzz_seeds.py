"""Writes the first inputs of each fuzz target, and dictionaries of the words in their formats.

    fuzz_seeds.py FOLDER    writes FOLDER/<target>/* and FOLDER/<target>.dict

Inputs are the repository's own configurations and model descriptions, and small documents made here. Nothing is real imagery.
"""

import gzip
import json
import re
import shutil
import struct
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

BAND = '<VRTRasterBand dataType="Byte" band="1">{}</VRTRasterBand>'
RECT = '<SrcRect xOff="0" yOff="0" xSize="9" ySize="9"/><DstRect xOff="0" yOff="0" xSize="9" ySize="9"/>'
NAME = '<SourceFilename relativeToVRT="1">{}</SourceFilename><SourceBand>1</SourceBand>'
PROPERTIES = '<SourceProperties RasterXSize="9" RasterYSize="9" DataType="Byte" BlockXSize="9" BlockYSize="9"/>'


def vrts() -> list[str]:
    """VRTs of every kind, whose sources are the files that the target has put there."""
    def vrt(inside: str, attributes: str = "") -> str:
        return f'<VRTDataset rasterXSize="9" rasterYSize="9"{attributes}>{inside}</VRTDataset>'

    sources = [
        f"<{kind}>{NAME.format(name)}{PROPERTIES}{RECT}</{kind}>"
        for kind in ("SimpleSource", "ComplexSource", "AveragedSource")
        for name in ("a.tif", "b.tif")
    ]
    warped = '<BlockXSize>9</BlockXSize><BlockYSize>9</BlockYSize><GDALWarpOptions><SourceDataset relativeToVRT="1">a.tif</SourceDataset></GDALWarpOptions>'
    overview = "<Overview><SourceFilename>a.tif</SourceFilename><SourceBand>1</SourceBand></Overview>"
    raw = '<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand"><SourceFilename>a.tif</SourceFilename></VRTRasterBand>'
    derived = '<VRTRasterBand dataType="Byte" band="1" subClass="VRTDerivedRasterBand"><PixelFunctionType>sum</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage></VRTRasterBand>'
    pansharpened = f'<PansharpeningOptions><PanchroBand>{NAME.format("a.tif")}</PanchroBand><SpectralBand dstBand="1">{NAME.format("b.tif")}</SpectralBand></PansharpeningOptions>'
    mask = f'<MaskBand><VRTRasterBand dataType="Byte">{sources[0]}</VRTRasterBand></MaskBand>'
    attribute = '<SimpleSource SourceFilename="a.tif" relativeToVRT="1"><SourceBand>1</SourceBand></SimpleSource>'
    return [
        *(vrt(BAND.format(source)) for source in [*sources, overview, attribute, "<![CDATA[a.tif]]>"]),
        vrt(warped + BAND.format(""), ' subClass="VRTWarpedDataset"'),
        vrt(pansharpened, ' subClass="VRTPansharpenedDataset"'),
        *(vrt(inside) for inside in (raw, derived, mask + BAND.format(sources[1]))),
        vrt('<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">a.tif</MDI></Metadata>' + BAND.format("")),
    ]


def stac() -> list[str]:
    asset = {"href": "./a.tif", "type": "image/tiff; application=geotiff", "roles": ["data"], "eo:bands": [{"name": "B1", "common_name": "red"}]}
    item = {"type": "Feature", "id": "a", "properties": {"datetime": "2023-06-01T10:00:00Z"}, "assets": {"visual": asset, "thumb": {"href": "/t.png", "roles": ["thumbnail"]}}}
    links = [{"rel": "next", "href": "?page=2", "method": "GET"}]
    hosts = [{**item, "assets": {"image": {"href": f"{scheme}://host/a.tif"}}} for scheme in ("http", "s3", "gs", "az", "file", "vrt")]
    return [json.dumps(d) for d in [item, {"type": "FeatureCollection", "features": [item, *hosts[:3]], "links": links}, *hosts]]


def areas() -> list[str]:
    rings = [[[2, 48], [3, 48], [3, 49], [2, 49], [2, 48]], [[2.2, 48.2], [2.2, 48.4], [2.4, 48.4], [2.2, 48.2]]]
    bow_tie = [[[2, 48], [3, 49], [3, 48], [2, 49], [2, 48]]]
    shapes = [
        {"type": "Polygon", "coordinates": rings},
        {"type": "Polygon", "coordinates": bow_tie},
        {"type": "MultiPolygon", "coordinates": [rings, rings[:1]]},
        {"type": "LineString", "coordinates": rings[0]},
        {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "coordinates": rings}]},
    ]
    features = [{"type": "Feature", "properties": {"a": 1, "b": "x"}, "geometry": shape} for shape in shapes]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}
    kml = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>2,48 3,48 3,49 2,48</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>'
    collections = [{"type": "FeatureCollection", "features": features[:1]}, {"type": "FeatureCollection", "crs": crs, "features": features}]
    return [json.dumps(d) for d in [*features, *collections]] + [kml]


def shapes() -> list[bytes]:
    """Polygons in well-known binary: a square, one with a hole, one that crosses itself, two, one that is not closed."""
    def ring(points: list[tuple[float, float]]) -> bytes:
        return struct.pack("<I", len(points)) + b"".join(struct.pack("<dd", *p) for p in points)

    def polygon(*rings: bytes) -> bytes:
        return struct.pack("<BII", 1, 3, len(rings)) + b"".join(rings)

    square = ring([(1, -1), (9, -1), (9, -9), (1, -9), (1, -1)])
    hole = ring([(3.5, -3.5), (5, -3.5), (5, -5), (3.5, -3.5)])
    cross = ring([(1, -1), (9, -9), (9, -1), (1, -9), (1, -1)])
    far = ring([(-1e300, 1), (1e300, 1e300), (5, -1e18), (-1e300, 1)])
    single = [polygon(square), polygon(square, hole), polygon(cross), polygon(far), polygon(ring([(1, -1), (9, -1), (5, -9)]))]
    return [*single, struct.pack("<BII", 1, 6, 2) + single[1] + single[2], struct.pack("<BII", 1, 7, 1) + single[0]]


def reviews() -> list[str]:
    """Objects of a review in canonical form."""
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    person = {"name": "A B", "function": "f", "organization": "o"}
    reference = {"run_id": "r", "manifest_sha256": sha}
    header = {"format": "arpent-review/1", "name": "r", "map": reference, "created": "2026-01-02T03:04:05Z", "classes": ["a"], "max_area_m2": 1000000}
    header |= {"reasons": [{"code": "c", "en": "c", "fr": "c"}], "people": [{"person": person, "key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}]}
    ring = [[5, 43], [5.001, 43], [5.001, 43.001], [5, 43]]
    statement = {"feature": "f", "kind": "answer", "verdict": "confirmed", "person": person, "time": "2026-01-02T03:04:05Z", "comment": "c", "class": "a"}
    statement |= {"geometry": {"type": "Polygon", "coordinates": [ring]}, "previous": [sha], "answers": [sha], "scenes": ["s"], "task": {"sample": "s", "order": 1}}
    writer = {"id": "w", "number": 2, "before": sha}
    decision = {"format": "arpent-decision/1", "review": sha, "map": reference, "statement": statement, "writer": writer, "signature": "AAAA"}
    seal = {"format": "arpent-seal/1", "review": sha, "writer": "w", "number": 1, "count": 1, "last": sha, "seen": [sha]}
    return [json.dumps(d, sort_keys=True, separators=(",", ":")) for d in (header, decision, seal)]


def manifests() -> list[str]:
    full = {
        "format": "arpent-run/1", "run_id": "r", "created": "2026-01-01T00:00:00Z", "attempt": "a", "software": {"arpent": "0.1.0"},
        "inputs": [{"id": "a", "uri": "a.tif", "size": 1, "sha256": "00", "etag": "e", "acquired": "2020", "date": "before", "grid": {"key": "k", "col": -1, "row": 2, "width": 3, "height": 4}}],
        "failed_inputs": [{"uri": "b.tif", "reason": "x"}], "model": {"id": "m", "version": "1", "sha256": "00", "license": "CC0-1.0"},
        "config": {"a": [1, 2.5, None]}, "timings_s": {"read": 1.25}, "energy": {"joules": 3}, "artifacts": [{"href": "labels.tif", "role": "labels", "media_type": "image/tiff", "size": 1, "sha256": "00"}],
        "counts": {"features": 1, "features_per_class": {"a": 1}, "coverage": {"drawn_share": 0.5}, "references": [{"name": "r", "agreement_m2": 1.5}], "zones": {"zones": 1, "repaired": 0, "empty": 0, "outside": 0, "partly_outside": 0, "without_data": 0, "repeated_ids": 0}},
    }
    return [json.dumps(full), json.dumps({**full, "format": "arpent-run/0"})]


def plans() -> list[str]:
    window = {"col": 0, "row": 0, "width": 9, "height": 9}
    job = {"id": "m", "folder": None, "grid": "g", "extent": window, "window_px": 32, "windows": 3, "pixels": 9, "pieces": [4, 3, 2], "scenes": [], "aoi": None, "references": []}
    plan = {
        "format": "arpent-plan/1", "id": "0" * 16, "software": {}, "config": {"model": "m", "scenes": ["a.tif"]}, "group_by_crs": False, "overwrite": False,
        "model_sha256": "0", "model_files": [], "maps": [job, {**job, "id": "n"}], "failed_scenes": [], "shards": 2,
    }
    return [json.dumps({**plan, "shards": shards}) for shards in (1, 2, 9)]


def safetensors() -> list[bytes]:
    def file(header: dict, data: bytes) -> bytes:
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    return [
        file({"a": one}, bytes(8)),
        file({"a": one, "b": {"dtype": "F16", "shape": [1, 2], "data_offsets": [8, 12]}, "__metadata__": {"format": "pt"}}, bytes(12)),
        file({"a": {"dtype": "F32", "shape": [0, 1 << 60], "data_offsets": [0, 0]}}, b""),
    ]


def onnx() -> list[bytes]:
    """Graphs of one tensor: numbers packed and not, as whole numbers, and a name that another node gives it."""
    def field(number: int, inside: bytes) -> bytes:
        return bytes([number << 3 | 2, len(inside)]) + inside

    def model(*graph: bytes) -> bytes:
        return field(7, b"".join(graph))

    def tensor(kind: int, *fields: bytes) -> bytes:
        return field(5, bytes([8, 2, 16, kind]) + field(8, b"a.weight") + b"".join(fields))

    def node(operator: bytes, *inputs: bytes, output: bytes) -> bytes:
        return field(1, b"".join(field(1, i) for i in inputs) + field(2, output) + field(4, operator))

    raw = tensor(1, field(9, struct.pack("<2f", 1, 2)))
    singles = b"".join(b"\x25" + struct.pack("<f", v) for v in (1, 2))
    external = field(13, field(1, b"location") + field(2, b"a.data")) + b"\x70\1"
    return [
        model(raw),
        model(tensor(1, singles)),
        model(tensor(11, field(10, struct.pack("<2d", 1, 2)))),
        model(tensor(10, field(5, b"\x80\x78\0"))),
        model(tensor(16, b"\x28\x80\x7f\x28\0")),
        model(tensor(1, external)),
        model(raw, node(b"Identity", b"a.weight", output=b"b.weight"), node(b"Conv", b"x", b"b.weight", output=b"y")),
        model(raw, node(b"Transpose", b"a.weight", output=b"t"), node(b"MatMul", b"x", b"t", output=b"y")),
    ]


def pictures() -> list[bytes]:
    """Archives of pictures (PMTiles): one tile, a run of four that share their bytes, one in a leaf."""
    def directory(*entries: tuple[int, int, int, int]) -> bytes:
        """Of number, run, length and offset, which are below 128 here."""
        before = [0, *(entry[0] for entry in entries)]
        numbers = [entry[0] - last for entry, last in zip(entries, before, strict=False)]
        rest = [entry[column] + (column == 3) for column in (1, 2, 3) for entry in entries]
        return gzip.compress(bytes([len(entries), *numbers, *rest]), mtime=0)

    def archive(root: bytes, leaves: bytes, tiles: bytes) -> bytes:
        parts = [127, len(root), 127 + len(root), 0, 127 + len(root), len(leaves), 127 + len(root) + len(leaves), len(tiles), 1, 1, 1]
        head = b"PMTiles\3" + struct.pack("<11Q", *parts) + bytes([1, 2, 1, 4, 0, 2])
        return head.ljust(127, b"\0") + root + leaves + tiles

    leaf = directory((5, 1, 4, 0), (9, 2, 4, 4))
    return [
        archive(directory((0, 1, 4, 0)), b"", b"RIFF"),
        archive(directory((1, 4, 4, 0)), b"", b"RIFF"),
        archive(directory((5, 0, len(leaf), 0)), leaf, b"RIFFWEBP"),
    ]


def graphs() -> list[bytes]:
    """The graphs of PT2 archives."""
    archives = [zipfile.ZipFile(path) for path in sorted(ROOT.glob("crates/arpent-model/tests/parity/*.pt2"))]
    return [archive.read(name) for archive in archives for name in archive.namelist() if name.endswith("models/model.json")]


def files(pattern: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(ROOT.glob(pattern))]


def part(text: bytes, section: bytes) -> bytes:
    """The tables of a configuration under a section, without its name."""
    tables = re.split(rb"(?m)^(?=\[)", text)
    return b"".join(re.sub(rb"^(\[+)" + section + rb"\.", rb"\1", t) for t in tables if re.match(rb"\[+" + section + rb"\.", t))


def main() -> None:
    folder = Path(sys.argv[1])
    packages = files("models/*/model.json")
    runs = files("configs/*/*.toml")
    pickles = [b for b in files("crates/arpent-model/tests/**/*.pt") if len(b) < 1 << 20]
    seeds = {
        "aoi": areas(),
        "manifest": manifests(),
        "review": reviews(),
        "nomenclature": [json.dumps(json.loads(p)["classes"]) for p in packages],
        "shapes": shapes(),
        "stac": stac(),
        "vrt": vrts(),
        "checkpoint": [*safetensors(), *pickles],
        "model_package": packages,
        "onnx": [*onnx(), *files("crates/arpent-model/tests/parity/*.onnx")],
        "onnx_graph": files("crates/arpent-model/tests/parity/*.onnx"),
        "ocs_ge": [*files("configs/ocs-ge-*.toml"), b'from = "a"\nto = "b"\n' + b"".join(b'[[class]]\nid = %d\nname = "%s"\ncode_cs = "CS1"\nreason = "r"\n' % c for c in ((1, b"building"), (2, b"water")))],
        "piece": [bytes(2), b"\1" + bytes(12) + b"\2\1\0\0\0" + bytes(37), b"\2" + bytes(4) + b"\1" + bytes(range(12))],
        "pictures": pictures(),
        "plan": plans(),
        "pt2": [*graphs(), *files("crates/arpent-model/tests/parity/*.pt2")],
        "reference_options": [s for s in (part(run, b"reference") for run in runs) if s],
        "run_config": [run for run in runs if b"\nmodel" in b"\n" + run],
        "weights": safetensors(),
        "zonal_config": files("configs/*/zonal.toml"),
    }
    for target, inputs in seeds.items():
        place = folder / target
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for number, content in enumerate(inputs):
            (place / f"seed-{number}").write_bytes(content if isinstance(content, bytes) else content.encode())
        words = set(re.findall(rb'[A-Za-z_:/][\w:/.-]{2,40}', b"\n".join(p.read_bytes() for p in place.iterdir())))
        schema = {"run_config": "schema", "plan": "schema", "reference_options": "schema", "zonal_config": "zonal.schema", "model_package": "model.schema"}.get(target)
        if schema:
            words |= set(re.findall(rb'"([a-z_0-9-]{2,40})"', (ROOT / f"configs/{schema}.json").read_bytes()))
        (folder / f"{target}.dict").write_bytes(b"".join(b'"%s"\n' % word for word in sorted(words)[:800]))


main()
