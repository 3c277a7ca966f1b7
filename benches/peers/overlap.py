"""Measures the effect of an overlap smaller than the exact one on a map: labels that change, and accuracy on labeled pictures.

    python benches/peers/overlap.py PACKAGE SET --items t2_000 t2_001 ... --arpent target/release/arpent --output FILE.json

SET has `images/ITEM.jpg` and `masks/ITEM.png` (class ids; 0 is not labeled), not georeferenced: each picture is given a grid of the
package's GSD. Windows of 256 px, so that there are many borders; of each overlap a copy of the package says that it is enough.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

import scores

WINDOW = 256
LEFT_OUT = 255


def georeferenced(picture, gsd, path):
    """The picture on a grid whose origin lies on the lattice."""
    with rasterio.open(picture) as source:
        values = source.read()
    profile = {"driver": "GTiff", "width": values.shape[2], "height": values.shape[1], "count": len(values)}
    origin = from_origin(512 * gsd, 8_000_000 * gsd, gsd, gsd)
    with rasterio.open(path, "w", dtype="uint8", crs="EPSG:32640", transform=origin, **profile) as scene:
        scene.write(values)


def package_with(package, overlap, exact, folder):
    """A copy of the package that declares this overlap."""
    shutil.copytree(package, folder)
    text = json.loads((folder / "model.json").read_text())
    text["overlap_px"] = overlap
    if overlap < exact:
        text["overlap_tolerance"] = "being measured (benches/peers/overlap.py)"
    (folder / "model.json").write_text(json.dumps(text))


def labels(arpent, model, scene, folder):
    config = folder / "run.toml"
    config.write_text(
        f'model = "{model}"\n[tiling]\nwindow_px = {WINDOW}\n[features]\nformats = ["geojson"]\nmin_area_m2 = 100.0\n'
    )
    out = folder / "out"
    command = [arpent, "run", config, "--scene", scene, "--output", out, "--overwrite"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    (raster,) = out.rglob("labels.tif")
    with rasterio.open(raster) as source:
        return source.read(1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("set", type=Path)
    parser.add_argument("--items", nargs="+", required=True)
    parser.add_argument("--arpent", type=Path, default=Path("target/release/arpent"))
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    model = json.loads((given.package / "model.json").read_text())
    exact, stride = model["overlap_px"], model["stride_px"]
    overlaps = [o for o in (0, stride, 2 * stride, 3 * stride, 4 * stride, exact) if o <= exact]
    classes = model["classes"]
    # From ids to numbers from 0 on; values that are not a class are left out.
    numbers = np.full(256, LEFT_OUT, np.int64)
    numbers[[c["id"] for c in classes]] = range(len(classes))
    rows, reference = [], []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for item in given.items:
            georeferenced(given.set / f"images/{item}.jpg", model["gsd_m"]["nominal"], scratch / f"{item}.tif")
        truth = [rasterio.open(given.set / f"masks/{item}.png").read(1) for item in given.items]
        for overlap in sorted(set(overlaps), reverse=True):
            package_with(given.package, overlap, exact, scratch / f"model-{overlap}")
            found = [
                labels(given.arpent, scratch / f"model-{overlap}", scratch / f"{item}.tif", scratch)
                for item in given.items
            ]
            reference = reference or found
            changed = sum((f != r).sum() for f, r in zip(found, reference)) / sum(f.size for f in found)
            counts = sum(
                scores.confusion(numbers[t], numbers[f], len(classes)) for t, f in zip(truth, found)
            )
            score = scores.scores(counts, [c["name"] for c in classes])
            row = {"overlap_px": overlap, "labels_changed": float(changed), **{k: score[k] for k in ("oa", "miou")}}
            rows.append(row)
            print(f"{overlap:4d} px: {100 * changed:.3f} % of labels differ, OA {row['oa']:.4f}, mIoU {row['miou']:.4f}")
    given.output.write_text(json.dumps({"model": model["id"], "window_px": WINDOW, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
