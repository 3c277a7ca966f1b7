"""Checks of what describes outputs, with other people's software and without a network: STAC documents (stac-validator, pystac),
Table Schemas (frictionless), and metadata by ISO 19115 (the XML schemas of ISO 19139, OWSLib). validate_outputs.py calls them.
"""

import json
import subprocess
import tempfile
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Schemas that no package has; their origin: schemas/README.md.
OWN = {
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json": "stac-projection-2.0.0.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json": "stac-classification-2.0.0.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json": "stac-file-2.1.0.json",
    "https://proj.org/schemas/v0.7/projjson.schema.json": "projjson-0.7.json",
}
STAC = "https://schemas.stacspec.org/v1.1.0"
GMD = "{http://www.isotc211.org/2005/gmd}"


def expect(condition, message):
    """An assertion that `python -O` keeps."""
    if not condition:
        raise AssertionError(message)


def schemas():
    """Paths of the schemas by their addresses: those of the packages and our own."""
    import pystac.validation

    packaged = Path(pystac.validation.__file__).parent / "jsonschemas"
    found = {f"https://geojson.org/schema/{path.name}": path for path in (packaged / "geojson").glob("*.json")}
    for path in (packaged / "stac-spec/v1.1.0").glob("*.json"):
        kind = path.stem if path.stem in ("catalog", "collection") else "item"
        found[f"{STAC}/{kind}-spec/json-schema/{path.name}"] = path
    found.update({address: HERE / "schemas" / name for address, name in OWN.items()})
    return {address: str(path) for address, path in found.items()}


def known_only(document):
    """A STAC document with those extensions alone whose schemas are here, and the names of the others."""
    extensions = document.get("stac_extensions", [])
    others = [name.split("/")[3] + " " + name.split("/")[4] for name in extensions if name not in OWN]
    return {**document, "stac_extensions": [name for name in extensions if name in OWN]}, others


def check_stac_offline(path):
    warnings.simplefilter("ignore", DeprecationWarning)
    from stac_validator import stac_validator

    document, others = known_only(json.loads(path.read_text()))
    validation = stac_validator.StacValidate(schema_map=schemas())
    validation.validate_dict(document)
    result = validation.message[0]
    expect(result["valid_stac"], f"{result.get('error_type')}: {result.get('error_message')}")
    without = f"; no schemas here for {', '.join(others)}" if others else ""
    return f"stac-validator: valid against {len(result['schema'])} schemas{without}"


def check_catalog(root):
    """The tree as pystac reads it: every document valid, every link relative and leading to what it says."""
    import pystac
    from pystac.validation import JsonSchemaSTACValidator, set_validator

    validator = JsonSchemaSTACValidator()
    validator.schema_cache.update({address: json.loads(Path(path).read_text()) for address, path in schemas().items()})
    set_validator(validator)
    documents = [root / "catalog.json", *sorted((root / "collections").glob("*/collection.json"))]
    linked = set()
    for path in documents:
        check_stac_offline(path)
        for link in json.loads(path.read_text())["links"]:
            if link["rel"] != "license":
                expect("://" not in link["href"], f"{path}: a link is not relative")
                linked.add((path.parent / link["href"]).resolve())
    missing = [str(path) for path in linked if not path.is_file()]
    expect(not missing, f"links lead nowhere: {missing}")
    catalog = pystac.Catalog.from_file(str(root / "catalog.json"))
    items = list(catalog.get_items(recursive=True))
    for item in items:
        item.stac_extensions = [name for name in item.stac_extensions if name in OWN]
    counted = catalog.validate_all()
    published = {path.resolve() for path in root.glob("**/item.json")}
    left_out = published - linked
    expect(not left_out, f"items are not in the catalog: {sorted(map(str, left_out))}")
    expect(len(items) == len(published), f"pystac finds {len(items)} items of {len(published)}")
    for collection in catalog.get_children():
        west, south, east, north = collection.extent.spatial.bboxes[0]
        for item in collection.get_items():
            inside = south <= item.bbox[1] and item.bbox[3] <= north and (west > east or west <= item.bbox[0] and item.bbox[2] <= east)
            expect(inside, f"{item.id} is not inside of its collection")
    return f"{len(documents)} documents, {len(items)} items, all valid ({counted} by pystac)"


def exported(path, layer, folder):
    """A layer as CSV, its columns only."""
    to = folder / f"{path.stem}-{layer}.csv"
    done = subprocess.run(["ogr2ogr", "-f", "CSV", str(to), str(path), layer], capture_output=True, text=True, check=False)
    expect(done.returncode == 0, done.stderr.strip())
    return to


def check_table_schema(path):
    """The schema, and the tables it describes, as CSV: a file of its name, or layers of GeoPackages."""
    import frictionless

    document = json.loads(path.read_text())
    schema = frictionless.Schema.from_descriptor(document)
    for field in document["fields"]:
        expect(field["title"] and field["title:fr"], f"{field['name']} has no title in both languages")
    name = path.name.removesuffix(".schema.json")
    with tempfile.TemporaryDirectory() as scratch:
        tables = [table for table in [path.with_name(f"{name}.csv")] if table.is_file()]
        for package in sorted(path.parent.glob("*.gpkg")):
            listed = subprocess.run(["ogrinfo", "-ro", "-q", str(package)], capture_output=True, text=True, check=False).stdout
            layers = [line.split(": ")[1].split(" (")[0] for line in listed.splitlines() if ": " in line]
            # Zones have a layer for each of their levels.
            chosen = layers if package.stem == name == "balance" else [layer for layer in layers if layer == name]
            tables += [exported(package, layer, Path(scratch)) for layer in chosen if layer != "layer_styles"]
        rows = 0
        for table in tables:
            if table.stat().st_size == 0:
                continue
            report = frictionless.Resource(path=table.name, basepath=str(table.parent), schema=schema).validate()
            errors = [f"{table.name}: {error.message}" for task in report.tasks for error in task.errors]
            expect(report.valid, "; ".join(errors[:3]))
            rows += sum(task.stats["rows"] for task in report.tasks)
    return f"{len(document['fields'])} columns, {len(tables)} tables valid after frictionless, {rows} rows"


def iso_schema():
    """The XML schemas of ISO 19139, from the package that has them; none is fetched."""
    import importlib.util

    from lxml import etree

    found = importlib.util.find_spec("ckanext.spatial")
    folder = Path(found.submodule_search_locations[0]) / "validation/xml/iso19139eden"
    parser = etree.XMLParser(no_network=True)
    return etree.XMLSchema(etree.parse(str(folder / "gmd/gmd.xsd"), parser))


def check_iso(path, manifest):
    """Metadata by ISO 19115: valid, and every field as OWSLib reads it equal to that of the item and the manifest."""
    from lxml import etree
    from owslib.iso import MD_Metadata

    document = etree.parse(str(path))
    iso_schema().assertValid(document)
    item = json.loads(path.with_name("item.json").read_text())
    published = manifest["config"].get("publish", {})
    found = MD_Metadata(document)
    [identified] = found.identification
    bbox, properties = identified.bbox, item["properties"]
    box = [float(side) for side in (bbox.minx, bbox.miny, bbox.maxx, bbox.maxy)]
    day = manifest["created"][:10]
    acquired = [properties.get(f"{end}_datetime") or properties.get("datetime") for end in ("start", "end")]
    if properties.get("arpent:acquired") == "unknown":
        acquired = [None, None]
    named = {Path(artifact["href"]).name for artifact in manifest["artifacts"]}
    files = {link.url: link.description for link in found.distribution.online}
    fields = {
        "id": (found.identifier, manifest["run_id"]),
        "language": (found.languagecode or found.language, "fre"),
        "character set": (found.charset, "utf8"),
        "hierarchy": (found.hierarchy, "dataset"),
        "date": (found.datestamp, day),
        "title": (identified.title, properties["title"]),
        "dates": ({(date.type, date.date) for date in identified.date}, {("creation", day), ("publication", day)}),
        "topic": (identified.topiccategory, ["imageryBaseMapsEarthCover"]),
        "resolution": ([float(value) for value in identified.distance], [properties["gsd"]]),
        "period": ([identified.temporalextent_start, identified.temporalextent_end], [time and time[:10] for time in acquired]),
        "reference system": (found.referencesystem.code.rsplit("/", 1)[-1], properties.get("proj:code", "").split(":")[-1] or found.referencesystem.code),
    }
    wrong = [f"{name}: {read!r}, expected {expected!r}" for name, (read, expected) in fields.items() if read != expected]
    expect(not wrong, "; ".join(wrong))
    expect(all(abs(side - other) < 1e-4 for side, other in zip(box, item["bbox"])), f"extent {box}, item {item['bbox']}")
    expect(manifest["model"]["id"] in identified.abstract + found.dataquality.lineage, "the model is not named")
    expect("non vérifié" in identified.abstract and "non vérifié" in found.dataquality.lineage, "it does not say that it is a proposal")
    expect(all(scene["id"] in found.dataquality.lineage for scene in manifest["inputs"][:50]), "a scene is not named")
    expect(set(files) <= named and all(files.values()), f"files that are not published: {set(files) - named}")
    if "license" in published:
        expect(any(published["license"] in text for text in identified.otherconstraints), "the license is not named")
    contacts = [*found.contact, *identified.contact]
    if "organization" in published:
        expect(all(contact.organization == published["organization"] for contact in contacts), "another organization")
    if "@" in published.get("contact", ""):
        expect(all(contact.email == published["contact"] for contact in contacts), "another contact")
    return f"valid after ISO 19139, {len(fields) + 8} fields read back by OWSLib, {len(files)} files"
