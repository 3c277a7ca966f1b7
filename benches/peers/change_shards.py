"""What a comparison of two dates costs in shards, on made-up maps and images, and what a département would cost at these rates.

    python benches/peers/change_shards.py ARPENT FOLDER [--width PX] [--height PX] [--shards N] [--no-images]

Writes two maps of six classes (fields, houses, some of them new at the later date) and two images of four bands (texture, noise,
another light), plans, runs the workers one after another, merges, and compares once more in one process. Prints a table: wall
time, largest resident memory, bytes of the pieces; whether the files of both outputs are equal; and 150,000 Mpx (6,000 km2 at
20 cm) at these rates.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

DEPARTEMENT_MPX = 150_000
CLASSES = ["ground", "building", "road", "water", "forest", "field"]
STRIP = 256
GSD = 0.2


def noise(seed, rows, width):
    """Texture of about 8 pixels, the same for a row whatever is asked for around it."""
    coarse = [np.random.default_rng((seed, row // 8)).integers(0, 120, width // 8 + 2) for row in range(rows.start, rows.stop)]
    return np.repeat(np.array(coarse, np.int16), 8, axis=1)[:, :width]


def write(folder, width, height, with_images):
    options = {"driver": "GTiff", "width": width, "height": height, "dtype": "uint8", "tiled": True, "blockxsize": 512,
               "blockysize": 256, "crs": "EPSG:2154", "transform": from_origin(600_000, 6_800_000, GSD, GSD), "BIGTIFF": "YES"}
    rng = np.random.default_rng(3)
    houses = rng.integers(0, [width - 30, height - 30], (width * height // 10_000, 2))
    sizes, is_new = rng.integers(8, 25, len(houses)), rng.random(len(houses)) < 0.2
    fields = rng.choice([0, 2, 3, 4, 5], (height // 100 + 1, width // 100 + 1)).astype(np.uint8)
    order = np.argsort(houses[:, 1])
    houses, sizes, is_new = houses[order], sizes[order], is_new[order]
    for date in (0, 1):
        paths = [folder / f"map{date}.tif"] + ([folder / f"image{date}.tif"] if with_images else [])
        map_file = rasterio.open(paths[0], "w", count=1, compress="zstd", nodata=255, **options)
        image = rasterio.open(paths[1], "w", count=4, compress="zstd", zstd_level=1, **options) if with_images else None
        for top in range(0, height, STRIP):
            rows = range(top, min(top + STRIP, height))
            labels = np.repeat(fields[[row // 100 for row in rows]], 100, axis=1)[:, :width]
            near = np.searchsorted(houses[:, 1], [top - 30, rows.stop])
            for (col, row), size, new in zip(houses[slice(*near)], sizes[slice(*near)], is_new[slice(*near)]):
                if date == 1 or not new:
                    labels[max(row - top, 0) : max(row + size - top, 0), col : col + size] = 1
            window = ((top, rows.stop), (0, width))
            map_file.write(labels, 1, window=window)
            if image is not None:
                base = noise(7, rows, width) + 12 * labels.astype(np.int16) + 20
                for band in range(4):
                    light = np.random.default_rng((date, band, top)).integers(0, 5, base.shape)
                    image.write(np.clip(base * (1 - 0.1 * date) + 6 * band + light, 1, 254).astype(np.uint8), band + 1, window=window)
        map_file.close()
        if image is not None:
            image.close()
    classes = "".join(f'[[classes]]\nid = {i}\nname = "{name}"\ncolor = "#{40 * i:02x}6040"\nfeatures = {str(i > 0).lower()}\n' for i, name in enumerate(CLASSES))
    dates = "".join(
        f'[{name}]\nmap = "map{i}.tif"\ndate = "{2018 + 3 * i}-07"\n' + (f'scenes = ["image{i}.tif"]\n' if with_images else "")
        for i, name in enumerate(["before", "after"])
    )
    (folder / "change.toml").write_text(f"chips = 24\n{classes}{dates}[events]\nmin_area_m2 = 2.0\n[registration]\nassumed = 0.5\n")


def run(words, folder):
    """Runs a command; its report, seconds and largest memory, MB."""
    began = time.time()
    process = subprocess.Popen([*words, "--format", "json"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{words}: {err.decode()}")
    return json.loads(out), time.time() - began, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arpent")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=10_000)
    parser.add_argument("--height", type=int, default=10_000)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--no-images", action="store_true")
    given = parser.parse_args()
    folder, arpent, mpx = given.folder, os.path.abspath(given.arpent), given.width * given.height / 1e6
    folder.mkdir(parents=True, exist_ok=True)
    for output in ("whole", "shards"):
        shutil.rmtree(folder / output, ignore_errors=True)
    # In a process of its own: one that is started shows the peak of who started it, if that is larger.
    writer = multiprocessing.Process(target=write, args=(folder, given.width, given.height, not given.no_images))
    writer.start()
    writer.join()
    change = [arpent, "change", "change.toml", "--output"]
    whole, *of_whole = run([*change, "whole"], folder)
    plan, *of_plan = run([*change, "shards", "--shards", str(given.shards)], folder)
    workers = [run([arpent, "worker", "--plan", plan["plan"], "--index", str(i)], folder)[1:] for i in range(given.shards)]
    pieces = sum(path.stat().st_size for path in Path(plan["plan"]).parent.glob("pieces/*/*"))
    merged, *of_merge = run([arpent, "merge", "--plan", plan["plan"]], folder)
    hashes = [{Path(a["href"]).name: a["sha256"] for a in report["manifest"]["artifacts"]} for report in (whole, merged)]
    # The item has addresses of the output.
    named = {"item.json"}
    equal = all(hashes[0][name] == hashes[1][name] for name in hashes[0] if name not in named)
    of_workers = [sum(w[0] for w in workers), max(w[1] for w in workers), sum(w[2] for w in workers)]
    facts = merged["manifest"]["counts"]["change"]
    events = sum(kind["events"] for kind in facts["events"].values())
    print(f"{given.width} x {given.height} px, {'maps' if given.no_images else 'maps and images of 4 bands'}, {events} events; files equal: {equal}\n")
    print("| step | wall, s | CPU, s | memory, MB | Mpx/s | 150,000 Mpx, hours |\n|---|---|---|---|---|---|")
    for name, (wall, memory, cpu) in [("one process", of_whole), ("plan", of_plan), (f"{given.shards} workers", of_workers), ("merge", of_merge)]:
        hours = "" if name == "plan" else f"{wall / mpx * DEPARTEMENT_MPX / 3600:.1f}"
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {memory:.0f} | {mpx / wall:.1f} | {hours} |")
    print(f"\npieces: {pieces / 1e6:.1f} MB, {pieces / mpx / 1e6:.2f} bytes a pixel; of 150,000 Mpx {pieces / mpx * DEPARTEMENT_MPX / 1e9:.0f} GB")


if __name__ == "__main__":
    main()
