"""Ours and gdalwarp's resampling of a local COG, one thread each, in one table: CPU seconds for a million new pixels.

python benches/peers/resampling.py --work out/resampling [--runs 5] [--sizes 0.3 0.5]

Needs numpy and GDAL's programs; builds our reader. Each round runs every case once, in turns; medians of the rounds are shown. Ours gives floats and
validity in windows of 1024 px; gdalwarp writes an uncompressed file of bytes (or of floats, which ours gives: it does not round). What both take to read the file as it is
is shown first.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SIDE, GSD, CORNER = 4096, 0.2, (652_000.0, 6_862_000.0)
SIZES, METHODS = (0.3, 0.4, 0.5, 1.0, 0.12), ("nearest", "bilinear", "average")


def make(path):
    """A COG of three bands: smooth areas with texture, DEFLATE with predictor, overviews."""
    import numpy as np

    random = np.random.default_rng(1)
    coarse = random.integers(40, 200, (SIDE // 64, SIDE // 64, 3))
    pixels = np.kron(coarse, np.ones((64, 64, 1), int)) + random.integers(-8, 9, (SIDE, SIDE, 3))
    raw = path.with_suffix(".img")
    pixels.astype("u1").transpose(2, 0, 1).tofile(raw)
    header = f"ENVI\nsamples={SIDE}\nlines={SIDE}\nbands=3\ndata type=1\ninterleave=bsq\nbyte order=0\n"
    raw.with_suffix(".hdr").write_text(header)
    corners = [CORNER[0], CORNER[1], CORNER[0] + SIDE * GSD, CORNER[1] - SIDE * GSD]
    words = ["gdal_translate", "-q", "-of", "COG", "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=2", "-a_srs", "EPSG:2154", "-a_ullr"]
    subprocess.run([*words, *map(str, corners), raw, path], check=True)
    raw.unlink()


def places(path, side):
    """Windows of 1024 px that fill a square."""
    steps = range(0, side, 1024)
    path.write_text("".join(f"{c} {r} {min(1024, side - c)} {min(1024, side - r)}\n" for r in steps for c in steps))


def cpu(words, env):
    """CPU seconds of a process, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=os.environ | env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=Path, required=True)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--sizes", type=float, nargs="*", default=SIZES, help="sizes of new pixels, meters")
    arguments.add_argument("--reader", type=Path, help="our reader, where it is built already")
    options = arguments.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if options.reader is None:
        build = ["cargo", "build", "--release", "--locked", "-p", "arpent-gdal", "--example", "read_windows"]
        subprocess.run(build, check=True, cwd=HERE.parent.parent)
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target"))
    reader = options.reader or target / "release/examples/read_windows"
    scene, out = work / "scene.tif", work / "warped.img"
    if not scene.exists():
        make(scene)
    cases = {}
    windows = work / "native.txt"
    places(windows, SIDE)
    cases["as it is", "ours", GSD, "-"] = [reader, scene, windows, "1", "0"]
    cases["as it is", "gdal", GSD, "-"] = ["gdal_translate", "-q", "-of", "ENVI", scene, out]
    for gsd in options.sizes:
        windows = work / f"{gsd}.txt"
        places(windows, int(SIDE * GSD / gsd))
        for method in METHODS:
            cases["resampled", "ours", gsd, method] = [reader, scene, windows, "1", "0", str(gsd), method]
            warp = ["gdalwarp", "-q", "-overwrite", "-of", "ENVI", "-ovr", "NONE", "-r", {"nearest": "near"}.get(method, method)]
            warp += ["-tr", str(gsd), str(gsd), "-tap", "-wm", "256"]
            cases["resampled", "gdal", gsd, method] = [*warp, scene, out]
            cases["resampled", "gdal, floats", gsd, method] = [*warp, "-ot", "Float32", scene, out]
    seconds = {case: [] for case in cases}
    print(f"load {os.getloadavg()[0]:.1f} at the start", flush=True)
    for _ in range(options.runs):
        for case, words in cases.items():
            took, said = cpu([str(word) for word in words], {"GDAL_NUM_THREADS": "1", "GDAL_CACHEMAX": "256"})
            seconds[case].append(took)
            if case[1] == "ours" and json.loads(said)["sum"] == 0:
                raise SystemExit(f"{case} read nothing")
    middle = {case: statistics.median(runs) for case, runs in seconds.items()}
    million = {gsd: (SIDE * GSD / gsd) ** 2 / 1e6 for gsd in (GSD, *options.sizes)}
    print("\n| to | method | ours, CPU s | gdal, bytes | gdal, floats | ours per new Mpx | ours / gdal bytes | ours / gdal floats |")
    print("|---|---|---|---|---|---|---|---|")
    for what, who, gsd, method in cases:
        if who != "ours":
            continue
        ours, bytes_ = middle[what, "ours", gsd, method], middle[what, "gdal", gsd, method]
        floats = middle.get((what, "gdal, floats", gsd, method))
        shown = (f"{floats:.2f}", f"{ours / floats:.2f}") if floats else ("", "")
        print(
            f"| {gsd} m | {method if what == 'resampled' else what} | {ours:.2f} | {bytes_:.2f} | {shown[0]} "
            f"| {ours / million[gsd]:.3f} | {ours / bytes_:.2f} | {shown[1]} |"
        )
    print(f"\nload {os.getloadavg()[0]:.1f} at the end; {subprocess.run(['gdalinfo', '--version'], capture_output=True, text=True).stdout.strip()}")


if __name__ == "__main__":
    sys.exit(main())
