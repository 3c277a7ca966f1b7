"""CPU and wall seconds for reading a JPEG 2000 dalle by windows, with 1, 2 and 4 readers, blocks shared and not, beside GDAL's
full decode of the same file, in one table.

python benches/peers/jp2_reading.py --work out/jp2 [--tile SCENE.tif] [--runs 5] [--reader PROGRAM]

Needs GDAL's programs; builds our reader. The picture is made of copies of a real tile (IGN, 20 cm, Lambert-93), as JPEG 2000 with
tiles of several sizes, lossy 1:10, and as a COG. Each round runs every case once, in turns; medians of the rounds are shown. CPU
seconds (user and system) of the process: other work on the machine changes them little, unlike the wall's.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent
TILE = HERE.parent.parent.parent / "shared/data/scenes/ign_ortho_20cm_lamb93/test_data_rgb.tif"
TILE_PX, COPIES, CORE, OVERLAP = 252, 20, 512, 64
SIDE = TILE_PX * COPIES
LOSSY = ["-of", "JP2OpenJPEG", "-co", "QUALITY=10", "-co", "REVERSIBLE=NO", "-co", "YCC=YES"]
# Name of the file: options of gdal_translate.
FILES = {
    f"tiles-{name}.jp2": [*LOSSY, "-co", f"BLOCKXSIZE={size}", "-co", f"BLOCKYSIZE={size}"]
    for name, size in (("256", 256), ("1024", 1024), ("2048", 2048), ("none", SIDE))
}
FILES["cog.tif"] = ["-of", "COG", "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=YES"]
FILES["strip.tif"] = ["-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=2", "-co", f"BLOCKYSIZE={SIDE}"]


def mosaic(tile, path):
    """A VRT of copies of the tile, side by side."""
    places = [(x * TILE_PX, y * TILE_PX) for y in range(COPIES) for x in range(COPIES)]
    size = f'xSize="{TILE_PX}" ySize="{TILE_PX}"'
    bands = []
    for band, color in enumerate(("Red", "Green", "Blue"), 1):
        sources = "".join(
            f"<SimpleSource><SourceFilename>{tile}</SourceFilename><SourceBand>{band}</SourceBand>"
            f'<SrcRect xOff="0" yOff="0" {size}/><DstRect xOff="{x}" yOff="{y}" {size}/></SimpleSource>'
            for x, y in places
        )
        bands.append(f'<VRTRasterBand dataType="Byte" band="{band}"><ColorInterp>{color}</ColorInterp>{sources}</VRTRasterBand>')
    head = f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>EPSG:2154</SRS>'
    path.write_text(f"{head}<GeoTransform>650000, 0.2, 0, 6860000, 0, -0.2</GeoTransform>{''.join(bands)}</VRTDataset>")


def timed(command):
    """Wall and CPU seconds of a process, and what it printed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=Path, required=True)
    arguments.add_argument("--tile", type=Path, default=TILE)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--files", nargs="*", default=list(FILES))
    arguments.add_argument("--reader", type=Path, help="our reader, already built")
    options = arguments.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    reader = options.reader
    if reader is None:
        build = ["cargo", "build", "--release", "--locked", "-p", "arpent-gdal", "--example", "read_windows"]
        subprocess.run(build, check=True, cwd=HERE.parent.parent)
        reader = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")) / "release/examples/read_windows"
    mosaic(options.tile.resolve(), work / "whole.vrt")
    for name in options.files:
        if not (work / name).exists():
            subprocess.run(["gdal_translate", "-q", *FILES[name], work / "whole.vrt", work / name], check=True)
    steps = range(0, SIDE, CORE)
    windows = work / "windows.txt"
    windows.write_text(
        "".join(f"{x - OVERLAP} {y - OVERLAP} {CORE + 2 * OVERLAP} {CORE + 2 * OVERLAP}\n" for y in steps for x in steps)
    )
    print(f"load {os.getloadavg()[0]:.1f} at the start\n")
    print("| file | reader | CPU s | wall s | cells decoded |\n|---|---|---|---|---|")
    for name in options.files:
        cases = {"`gdal_translate` of the whole": ["gdal_translate", "-q", work / name, "/vsimem/a.tif"]}
        for readers in (1, 2, 4):
            for shared_mb, how in ((0, "each for itself"), (256, "shared")):
                many = f"{readers} reader{'s' * (readers > 1)}"
                cases[f"{many}, {how}"] = [reader, work / name, windows, readers, shared_mb]
        results, sums = {case: [] for case in cases}, set()
        for _ in range(options.runs):
            for case, command in cases.items():
                wall, cpu, out = timed(command)
                report = json.loads(out) if out else {}
                sums |= {report["sum"]} if report else set()
                results[case].append((cpu, wall, report.get("fetched", "")))
        if len(sums) > 1:
            raise SystemExit(f"the readers read different values of {name}: {sums}")
        for case, runs in results.items():
            cpu, wall = (statistics.median(run[i] for run in runs) for i in (0, 1))
            fetched = runs[-1][2] if "shared" in case else ""
            print(f"| `{name}` | {case} | {cpu:.2f} | {wall:.2f} | {fetched} |", flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
