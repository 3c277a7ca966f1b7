"""Cloud masks of ukis-csmask: the scores of an imported package beside PyTorch's and ONNX Runtime's, and a picture of its map.

    cloud_masks.py parity PACKAGE FILE.onnx SCENE... [--windows 4] [--scores PROGRAM]
    cloud_masks.py reference FILE.onnx SCENE OUT.json
    cloud_masks.py peer FILE.onnx SCENE LABELS.tif OUT.json
    cloud_masks.py picture SCENE LABELS.tif OUT.png

`parity` cuts windows of the package's size from the scenes (raw values x 0.0001) and compares `crates/arpent-model/examples/scores`
(built with `cargo build --release -p arpent-model --example scores`) with segmentation_models_pytorch, whose weights are the
initializers of the file, key for key, in float32; and with ONNX Runtime on the file itself, whose layers are rounded to half precision.
`reference` writes PyTorch's labels on cores of the lattice whose windows the scene fills (`inference/tests/it/cloud_masks.json`).
`peer` compares a map with what ukis-csmask computes of the same pixels. `picture` draws a map beside its scene. The scenes' bands are
found by their number: --bands red=1,green=2,blue=3,nir=4.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import rasterio

ROOT = Path(__file__).resolve().parents[2]
COLORS = {0: None, 1: (255, 64, 255), 2: (0, 160, 255)}


def read(scene, names, numbers, scale):
    with rasterio.open(scene) as file:
        return file.read([numbers[name] for name in names]).astype(np.float32) * np.float32(scale)


def squares(picture, side, most):
    """Windows from corner to corner; a picture that is smaller is repeated at its edges."""
    rows, cols = [max(0, side - n) for n in picture.shape[1:]]
    picture = np.pad(picture, ((0, 0), (0, rows), (0, cols)), mode="edge")
    ends = [n - side for n in picture.shape[1:]]
    places = sorted({(r, c) for r in (0, ends[0]) for c in (0, ends[1])})
    return [np.ascontiguousarray(picture[:, r : r + side, c : c + side]) for r, c in places[:most]]


def peer(file, bands, classes):
    """segmentation_models_pytorch's network with the weights of the file."""
    import onnx
    import segmentation_models_pytorch as smp
    import torch
    from onnx import numpy_helper

    network = smp.Unet("efficientnet-b4", encoder_weights=None, in_channels=bands, classes=classes)
    stored = {i.name.removeprefix("model."): numpy_helper.to_array(i) for i in onnx.load(file).graph.initializer}
    state = {key: torch.from_numpy(value.astype(np.float32)) for key, value in stored.items()}
    missing, unexpected = network.load_state_dict(state, strict=False)
    # Counters, and the end of the encoder, which a U-Net does not run.
    unused = ("num_batches_tracked", "encoder._conv_head.", "encoder._bn1.")
    missing = [key for key in missing if not any(part in key for part in unused)]
    assert not missing and not unexpected, (missing, unexpected)
    return network.eval()


def parity(args):
    import onnxruntime
    import torch

    torch.set_num_threads(1)
    package = json.loads((args.package / "model.json").read_text())
    names = [band["name"] for band in package["bands"]]
    side, margin = (package["window"][key] for key in ("side_px", "margin_px"))
    windows = np.stack([w for s in args.scenes for w in squares(read(s, names, args.bands, args.scale), side, args.windows)])
    # What the package subtracts and divides by, in its own units.
    stored = windows / args.scale if args.stored else windows
    run = subprocess.run([args.scores, args.package], input=stored.astype("<f4").tobytes(), capture_output=True, check=True)
    core = side - 2 * margin
    ours = np.frombuffer(run.stdout, "<f4").reshape(len(windows), -1, core, core)

    statistics = json.loads(args.file.with_suffix(".json").read_text())["data"]["dataset_statistics"]
    assert statistics["band_names"] == names, statistics["band_names"]
    mean, std = (np.asarray(values, np.float32)[:, None, None] for values in statistics["img"])
    seen = (windows - mean) / std
    network = peer(args.file, len(names), ours.shape[1])
    begun = time.perf_counter()
    with torch.inference_mode():
        theirs = np.concatenate([network(torch.from_numpy(w[None])).numpy() for w in seen])
    torch_s = time.perf_counter() - begun
    with torch.inference_mode():
        exact = network.double()
        truth = np.concatenate([exact(torch.from_numpy(w[None].astype(np.float64))).numpy() for w in seen])
    session = onnxruntime.InferenceSession(args.file, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    begun = time.perf_counter()
    half = np.concatenate([session.run(None, {name: w[None]})[0] for w in seen])
    half_s = time.perf_counter() - begun

    inside = np.s_[:, :, margin : margin + core, margin : margin + core]
    largest = float(np.abs(truth).max())

    def against(scores, reference):
        differ = scores.argmax(1) != reference.argmax(1)
        return {
            "largest_difference": float(np.abs(scores - reference).max()),
            "of_largest_score": float(np.abs(scores - reference).max() / largest),
            "labels_that_differ": int(differ.sum()),
        }

    report = {
        "package": package["id"],
        "windows": len(windows),
        "pixels": int(ours[:, 0].size),
        "largest_score": largest,
        "shares": [float((ours.argmax(1) == c).mean()) for c in range(ours.shape[1])],
        "ours_to_float64": against(ours, truth[inside]),
        "ours_to_torch": against(ours, theirs[inside]),
        "torch_to_float64": against(theirs[inside], truth[inside]),
        "onnx_runtime_half_to_float64": against(half[inside], truth[inside]),
        "seconds": {"ours": run.stderr.decode().strip(), "torch": round(torch_s, 3), "onnx_runtime_half": round(half_s, 3)},
    }
    print(json.dumps(report, indent=1))
    if report["ours_to_torch"]["of_largest_score"] > 1e-4:
        sys.exit("the scores are not those of PyTorch")


def reference(args):
    import torch

    torch.set_num_threads(1)
    statistics = json.loads(args.file.with_suffix(".json").read_text())["data"]["dataset_statistics"]
    names = statistics["band_names"]
    mean, std = (np.asarray(values, np.float32)[:, None, None] for values in statistics["img"])
    picture = read(args.scene, names, args.bands, args.scale)
    with rasterio.open(args.scene) as file:
        to_pixel = file.transform
    # As `Grid::place` numbers the pixels of a CRS.
    corner = [int(np.floor(n + 0.5123)) for n in (to_pixel.c / to_pixel.a, to_pixel.f / to_pixel.e)]
    side, margin = args.window, args.margin
    core = side - 2 * margin
    network = peer(args.file, len(names), 3).double()
    cells = []
    places = [range(-(-(first + margin) // core), (first + size - margin) // core) for first, size in zip(corner, picture.shape[:0:-1])]
    for row in places[1]:
        for col in places[0]:
            x, y = col * core - margin - corner[0], row * core - margin - corner[1]
            window = picture[:, y : y + side, x : x + side]
            assert window.shape[1:] == (side, side), (col, row)
            with torch.inference_mode():
                scores = network(torch.from_numpy(((window - mean) / std)[None].astype(np.float64)))[0].numpy()
            scores = scores[:, margin : margin + core, margin : margin + core].reshape(3, -1)
            labels = scores.argmax(0)
            ends = np.flatnonzero(np.diff(labels, append=-1)) + 1
            runs = [[int(labels[end - 1]), int(n)] for end, n in zip(ends, np.diff(ends, prepend=0))]
            best = np.sort(scores, axis=0)
            close = np.flatnonzero(best[2] - best[1] < args.close)
            cells.append({"x": x + margin, "y": y + margin, "side": core, "runs": runs, "close": close.tolist()})
    lines = ",\n  ".join(json.dumps(cell) for cell in cells)
    head = {"file": args.file.name, "scene": args.scene.name, "window": side, "margin": margin, "close": args.close}
    args.output.write_text(json.dumps(head)[:-1] + f', "cells": [\n  {lines}\n]}}\n')
    print(len(cells), "cells", args.output.stat().st_size, "bytes")


def own(args):
    """ukis-csmask itself, of the pixels that the map has."""
    from ukis_csmask.mask import CSmask

    statistics = json.loads(args.file.with_suffix(".json").read_text())["data"]["dataset_statistics"]
    names = statistics["band_names"]
    picture = read(args.scene, names, args.bands, args.scale)
    level = "l1c" if "l1c" in args.file.stem else "l2a"
    mask = CSmask(np.moveaxis(picture, 0, -1), names, level, intra_op_num_threads=1).csm[..., 0]
    with rasterio.open(args.labels) as file:
        ours = file.read(1)
    valid = ours != 255
    both = [[int(((ours == a) & (mask == b) & valid).sum()) for b in range(3)] for a in range(3)]
    report = {"pixels": int(valid.sum()), "agreement": float((ours == mask)[valid].mean()), "ours_by_theirs": both}
    args.output.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report))


def picture(args):
    from PIL import Image

    rgb = read(args.scene, ["red", "green", "blue"], args.bands, args.scale)
    low, high = np.percentile(rgb, [1, 98])
    rgb = (np.clip((rgb - low) / (high - low), 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    with rasterio.open(args.labels) as file:
        labels = file.read(1, out_shape=rgb.shape[:2])
    drawn = rgb.copy()
    for label, color in COLORS.items():
        if color is not None:
            where = labels == label
            drawn[where] = (0.35 * rgb[where] + 0.65 * np.asarray(color)).astype(np.uint8)
    drawn[labels == 255] = 0
    side_by_side = np.concatenate([rgb, np.full((rgb.shape[0], 8, 3), 255, np.uint8), drawn], axis=1)
    Image.fromarray(side_by_side).resize((side_by_side.shape[1] * args.zoom, rgb.shape[0] * args.zoom), 0).save(args.output)


def bands(text):
    return {name: int(number) for name, number in (pair.split("=") for pair in text.split(","))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--bands", type=bands, default=bands("red=1,green=2,blue=3,nir=4"))
    shared.add_argument("--scale", type=float, default=1e-4)
    part = parts.add_parser("parity", parents=[shared])
    part.add_argument("package", type=Path)
    part.add_argument("file", type=Path)
    part.add_argument("scenes", type=Path, nargs="+")
    part.add_argument("--windows", type=int, default=4, help="of a scene")
    part.add_argument("--stored", action="store_true", help="the package takes stored values, not reflectance")
    part.add_argument("--scores", type=Path, default=ROOT / "target/release/examples/scores")
    part.set_defaults(run=parity)
    part = parts.add_parser("reference", parents=[shared])
    for name in ("file", "scene", "output"):
        part.add_argument(name, type=Path)
    part.add_argument("--window", type=int, default=128)
    part.add_argument("--margin", type=int, default=32)
    part.add_argument("--close", type=float, default=1e-3, help="difference of the two best scores below which either is right")
    part.set_defaults(run=reference)
    part = parts.add_parser("peer", parents=[shared])
    for name in ("file", "scene", "labels", "output"):
        part.add_argument(name, type=Path)
    part.set_defaults(run=own)
    part = parts.add_parser("picture", parents=[shared])
    for name in ("scene", "labels", "output"):
        part.add_argument(name, type=Path)
    part.add_argument("--zoom", type=int, default=2)
    part.set_defaults(run=picture)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
