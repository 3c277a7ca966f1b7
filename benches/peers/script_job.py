"""The script that an expert would write for one map: windows of rasterio, ONNX Runtime, polygons, GeoDataFrame.

    python benches/peers/script_job.py FILE.onnx MODEL.json SCENE.tif FOLDER

Writes labels.tif, confidence.tif (COGs) and features.parquet, as `arpent run` does. The label raster lies in memory.
FILE.onnx is one of export_onnx.py without `--size`.
"""

import argparse
import json
import os
from pathlib import Path

import geopandas
import numpy as np
import onnxruntime
import rasterio
from rasterio import features
from rasterio.windows import Window
from shapely.geometry import shape

# As ours: steps of 0.004.
CONFIDENCE_STEPS, NODATA = 250, 255


def windows(height, width, core):
    """Row, column, height and width of each core."""
    for row in range(0, height, core):
        for column in range(0, width, core):
            yield row, column, min(core, height - row), min(core, width - column)


def batches(items, count):
    items = list(items)
    return (items[i : i + count] for i in range(0, len(items), count))


def read(scene, row, column, side, overlap, mean, std):
    """The normalized chip around a core; the mean of the bands where there is no picture."""
    top, left = max(row - overlap, 0), max(column - overlap, 0)
    bottom, right = min(row + side + overlap, scene.height), min(column + side + overlap, scene.width)
    window = Window(left, top, right - left, bottom - top)
    chip = np.zeros((scene.count, side + 2 * overlap, side + 2 * overlap), np.float32)
    y, x = top - row + overlap, left - column + overlap
    values = (scene.read(window=window) - mean) / std
    valid = scene.dataset_mask(window=window) > 0
    chip[:, y : y + window.height, x : x + window.width] = np.where(valid, values, 0)
    return chip


def answers(scores, temperature):
    """Best class and confidence of every pixel."""
    best = scores.max(1, keepdims=True)
    share = 1 / np.exp((scores - best) / temperature).sum(1)
    return scores.argmax(1).astype(np.uint8), np.rint(share * CONFIDENCE_STEPS).astype(np.uint8)


def predict(scene, session, model, core, batch):
    """Labels and confidence of the whole scene."""
    mean, std = (np.float32([b[key] for b in model["bands"]])[:, None, None] for key in ("mean", "std"))
    overlap, temperature = model["overlap_px"], (model.get("calibration") or {}).get("temperature", 1.0)
    ids = np.array([one["id"] for one in model["classes"]], np.uint8)
    labels = np.full((scene.height, scene.width), NODATA, np.uint8)
    confidence = labels.copy()
    name = session.get_inputs()[0].name
    for group in batches(windows(scene.height, scene.width, core), batch):
        chips = [read(scene, row, column, core, overlap, mean, std) for row, column, _, _ in group]
        scores = session.run(None, {name: np.stack(chips)})[0]
        inner = scores[:, :, overlap : overlap + core, overlap : overlap + core]
        for (row, column, height, width), best, share in zip(group, *answers(inner, temperature)):
            labels[row : row + height, column : column + width] = ids[best[:height, :width]]
            confidence[row : row + height, column : column + width] = share[:height, :width]
    hidden = scene.dataset_mask() == 0
    labels[hidden], confidence[hidden] = NODATA, NODATA
    return labels, confidence


def write_cog(path, values, scene, threads):
    profile = {
        "driver": "COG",
        "dtype": "uint8",
        "count": 1,
        "height": scene.height,
        "width": scene.width,
        "crs": scene.crs,
        "transform": scene.transform,
        "nodata": NODATA,
        "compress": "DEFLATE",
        "overview_resampling": "NEAREST",
        "num_threads": threads,
    }
    with rasterio.open(path, "w", **profile) as out:
        out.write(values, 1)


def vectorize(labels, scene, model, min_area_m2, simplify_px):
    """Polygons of the classes that become features."""
    names = {one["id"]: one["name"] for one in model["classes"] if one["features"]}
    wanted = np.isin(labels, list(names))
    found = [
        (shape(outline), int(value))
        for outline, value in features.shapes(labels, wanted, transform=scene.transform)
    ]
    outlines, ids = zip(*found) if found else ((), ())
    frame = geopandas.GeoDataFrame(
        {"class_id": ids, "class": [names[i] for i in ids]}, geometry=list(outlines), crs=scene.crs
    )
    frame = frame[frame.area >= min_area_m2]
    if simplify_px:
        frame["geometry"] = frame.simplify(simplify_px * scene.res[0])
    return frame


def session_of(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", type=Path)
    parser.add_argument("model", type=Path, help="model.json of the package")
    parser.add_argument("scene", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--window", type=int, default=512, help="side of a core, pixels")
    parser.add_argument(
        "--batch", type=int, default=1, help="more of them need more memory, and are no faster"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--min-area-m2", type=float, default=1.0)
    parser.add_argument("--simplify-px", type=float, default=1.0)
    given = parser.parse_args()
    # No side files next to the scene.
    os.environ["GDAL_PAM_ENABLED"] = "NO"
    given.output.mkdir(parents=True, exist_ok=True)
    model = json.loads(given.model.read_text())
    with rasterio.open(given.scene) as scene:
        session = session_of(given.network, given.threads)
        labels, confidence = predict(scene, session, model, given.window, given.batch)
        write_cog(given.output / "labels.tif", labels, scene, given.threads)
        write_cog(given.output / "confidence.tif", confidence, scene, given.threads)
        frame = vectorize(labels, scene, model, given.min_area_m2, given.simplify_px)
    frame.to_parquet(given.output / "features.parquet")


if __name__ == "__main__":
    main()
