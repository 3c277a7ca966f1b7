"""Time and memory of the regions of a label raster: ours, GDAL's polygonize, and the usual script.

    python benches/peers/speed_vectors.py --output FOLDER --arpent target/release/arpent-benches

Rasters of 20 classes, `smooth` and `noisy` (vector_labels.py), laid side by side for `--times` the area. Writes `vectors.json` and `vectors.md` into the folder: medians of CPU time and
peak memory of whole processes.
"""

import argparse
import json
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from speed import HERE, heading, machine, write
from speed_job import measured, python


def commands(path, width, folder, given):
    peer = [given.rasterio or sys.executable, HERE / "script_vectors.py"]
    system = [given.osgeo, HERE / "polygonize_osgeo.py"]
    ours = [given.arpent, "vectors", path, "--width", width]
    mmu = ["--mmu-px", given.mmu_px, "--tolerance-px", given.tolerance_px]
    found = {
        "arpent, regions": ours,
        "arpent, coverage": [*ours, *mmu],
        "GDAL, polygonize": [*peer, "polygonize", path, width],
        "GDAL of the system, polygonize": [*system, path, width],
        "script": [*peer, "script", path, width, *mmu, "--output", folder / "script.parquet"],
    }
    return {name: command for name, command in found.items() if name in given.programs}


def measure(kind, times, folder, given):
    path = folder / "labels.raw"
    width = int(python("vector_labels.py", kind, given.side, times, path))
    log = folder / "log.txt"
    rows = []
    for name, command in commands(path, width, folder, given).items():
        samples = [measured(command, log) for _ in range(given.rounds)]
        said = json.loads(log.read_text().splitlines()[-1])
        medians = {key: statistics.median(one[key] for one in samples) for key in ("wall_s", "cpu_s", "peak_mb")}
        row = {"kind": kind, "times": times, "program": name, **medians, "said": said, "samples": samples}
        print(json.dumps({key: value for key, value in row.items() if key != "samples"}), file=sys.stderr)
        rows.append(row)
    return rows


def table(rows):
    lines = [
        "| raster | area | program | CPU, s | of it in the work itself, s | peak memory, MB | regions |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        said = row["said"]
        count = f"{said['regions']:,}" if "regions" in said else "-"
        program = f"{row['program']} ({said['gdal']})" if "gdal" in said else row["program"]
        figures = f"{row['cpu_s']:.2f} | {said['seconds']:.2f} | {row['peak_mb']:.0f} | {count}"
        lines.append(f"| {row['kind']} | {row['times']} x | {program} | {figures} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--arpent", required=True, help="the binary arpent-benches")
    parser.add_argument("--side", type=int, default=10_000, help="columns and rows of the smallest raster")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16], help="square numbers")
    parser.add_argument("--kinds", nargs="+", default=["smooth", "noisy"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mmu-px", type=int, default=100)
    parser.add_argument("--tolerance-px", type=float, default=1.0)
    parser.add_argument(
        "--programs",
        nargs="+",
        default=[
            "arpent, regions",
            "arpent, coverage",
            "GDAL, polygonize",
            "GDAL of the system, polygonize",
            "script",
        ],
    )
    parser.add_argument("--rasterio", help="another Python, with rasterio, for GDAL's polygonize and the script")
    parser.add_argument("--osgeo", default="/usr/bin/python3", help="the Python that has the system's GDAL")
    parser.add_argument("--scratch", type=Path, help="folder for rasters; the system's by default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        cases = [(kind, times) for kind in given.kinds for times in given.times]
        rows = [row for kind, times in cases for row in measure(kind, times, Path(folder), given)]
    facts = machine() | {"rasterio": version("rasterio"), "shapely": version("shapely")}
    settings = {key: getattr(given, key) for key in ("side", "rounds", "mmu_px", "tolerance_px")}
    said = f"\n{given.side} x {given.side} px and more, 20 classes; {given.rounds} rounds.\n\n"
    write(given.output, "vectors", facts, settings, rows, heading(facts) + said + table(rows))


if __name__ == "__main__":
    main()
