"""Reviews of a map of a million features: memory and time of `arpent review export` and `arpent review serve`.

    python3 benches/review_large.py --program target/debug/arpent --page index.html --work FOLDER [--features 1000000]

Generates an output whose features are squares of 2 m, 4 m apart, in EPSG:2154. PAGE is the page of any output of this version: the
server takes its facts, and nothing measured here reads them. Needs Python's osgeo (python3-gdal).
"""

import argparse
import hashlib
import json
import math
import subprocess
import time
import urllib.request
from pathlib import Path

from osgeo import gdal, ogr, osr

WEST, SOUTH, STEP, SIDE = 650_000.0, 6_860_000.0, 4.0, 2.0
PERSON = ["--person", "Label Simulation", "--function", "labels", "--organization", "benchmark"]


def generated(folder, page, count):
    """Writes the output: features.gpkg, item.json, index.html and the manifest."""
    gdal.UseExceptions()
    attempt = folder / "a1"
    attempt.mkdir(parents=True)
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(2154)
    across = math.isqrt(count - 1) + 1
    file = ogr.GetDriverByName("GPKG").CreateDataSource(str(attempt / "features.gpkg"))
    layer = file.CreateLayer("features", srs, ogr.wkbPolygon, ["SPATIAL_INDEX=YES"])
    for name, kind in [("id", ogr.OFTString), ("class_name", ogr.OFTString), ("score", ogr.OFTReal), ("area_m2", ogr.OFTReal), ("state", ogr.OFTString)]:
        layer.CreateField(ogr.FieldDefn(name, kind))
    layer.StartTransaction()
    for number in range(count):
        feature = ogr.Feature(layer.GetLayerDefn())
        x, y = WEST + STEP * (number % across), SOUTH + STEP * (number // across)
        values = [hashlib.md5(str(number).encode()).hexdigest(), f"class {number % 8}", (number * 7919 % 10_000) / 1e4, SIDE * SIDE, "not_verified"]
        for at, value in enumerate(values):
            feature.SetField(at, value)
        corners = ", ".join(f"{x + dx} {y + dy}" for dx, dy in [(0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE), (0, 0)])
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON (({corners}))"))
        layer.CreateFeature(feature)
    layer.CommitTransaction()
    del layer, file
    pixels = int(across * STEP)
    item = {"proj:code": "EPSG:2154", "proj:transform": [1, 0, WEST, 0, -1, SOUTH + pixels], "proj:shape": [pixels, pixels]}
    (attempt / "item.json").write_text(json.dumps({"properties": item}))
    (attempt / "index.html").write_bytes(page.read_bytes())
    artifacts = []
    for name, role in [("features.gpkg", "features"), ("item.json", "metadata"), ("index.html", "viewer")]:
        path = attempt / name
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        artifacts.append({"href": f"a1/{name}", "role": role, "media_type": "application/octet-stream", "size": path.stat().st_size, "sha256": sha256})
    manifest = {
        "format": "arpent-run/1", "run_id": "run-0123456789abcdef", "created": "2026-11-30T00:00:00Z", "attempt": "a1", "software": {"arpent": "0.1.0"},
        "inputs": [], "failed_inputs": [], "model": {"id": "", "version": "", "sha256": "", "license": ""}, "config": {},
        "counts": {"features_per_class": {f"class {number}": count // 8 for number in range(8)}}, "timings_s": {}, "artifacts": artifacts,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def status(pid, key):
    """Megabytes that the system states for a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(key))


def measured(words):
    """Runs a command; gives its seconds and its peak memory in MB."""
    began, peak = time.monotonic(), 0
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    while child.poll() is None:
        try:
            peak = max(peak, status(child.pid, "VmHWM"))
        except (FileNotFoundError, StopIteration):
            pass
        time.sleep(0.05)
    if child.returncode:
        raise SystemExit(f"{words}: {child.returncode}")
    return time.monotonic() - began, peak


def served(words):
    """Starts a server, asks and decides; gives rows of (what, seconds, peak MB)."""
    began = time.monotonic()
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    printed = ""
    while not printed.rstrip().endswith("}"):
        line = child.stdout.readline()
        if not line:
            raise SystemExit(f"the server ended with {child.wait()}")
        printed += line
    yield "until it serves", time.monotonic() - began, status(child.pid, "VmHWM")
    address, token = json.loads(printed)["url"].split("#review=")

    def ask(name, body=None):
        fields = {"X-Arpent-Token": token, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{address}review/{name}", data, fields)) as answer:
            return json.load(answer)

    def timed(what, *asked):
        began = time.monotonic()
        answer = ask(*asked)
        return (what, time.monotonic() - began, status(child.pid, "VmHWM")), answer

    try:
        yield timed("session", "session")[0]
        row, answer = timed("next", "next?from=0")
        yield row
        row, outline = timed("the outline of a feature", f"outline?id={answer['feature']}")
        yield row
        wish = {"feature": answer["feature"], "verdict": "confirmed", "seen": [], "geometry": outline["geometry"]}
        yield timed("a decision with an outline", "decisions", wish)[0]
    finally:
        child.kill()
        child.wait()


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("program", "page", "work"):
        asked.add_argument(f"--{name}", type=Path, required=True)
    asked.add_argument("--features", type=int, default=1_000_000)
    asked = asked.parse_args()
    output = asked.work / "map"
    generated(output, asked.page, asked.features)
    program = str(asked.program.resolve())
    subprocess.run([program, "review", "new", output, "--name", "first"], check=True, stdout=subprocess.DEVNULL)
    print(f"| {asked.features} features | s | peak MB |\n|---|---:|---:|")
    for what, seconds, peak in served([program, "review", "serve", output, *PERSON, "--format", "json"]):
        print(f"| serve: {what} | {seconds:.2f} | {peak} |", flush=True)
    for to in ("review.gpkg", "decisions.csv"):
        seconds, peak = measured([program, "review", "export", output, "--to", asked.work / to])
        print(f"| export --to {to} | {seconds:.1f} | {peak} |", flush=True)
    seconds, peak = measured([program, "review", "import", output, asked.work / "review.gpkg"])
    print(f"| import of that file | {seconds:.1f} | {peak} |", flush=True)


main()
