"""What decisions about a map teach, measured on places that were neither trained on nor reviewed.

    python benches/learning.py DATA --program target/debug/arpent --work FOLDER

DATA is the folder that has `road_damage/` and `landcover/`; a set that is missing is skipped and said. Needs NumPy, Pillow and rasterio.

The validation pictures of a set, which its shipped package was not trained on, are halved by the SHA-256 of their names. Each half is mapped
by `arpent run`. Verdicts about features of one half follow from its labels: right if at least half of the labeled pixels of the feature have
its class. They go through `arpent review new`, `sample`, `add` and `learn`. What was learned is applied to the other half: probabilities by
linear interpolation between the points of the class, thresholds as they are. Intervals: 95 %, 2,000 resamples of the pictures measured on.

Pictures have no position: they get one, 50 pixels apart, with an assumed ground sampling distance that does not change pixels.
"""

import argparse
import csv
import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image, ImageFilter
from rasterio.features import rasterize
from rasterio.transform import from_origin
from rasterio.warp import transform_geom

CRS = "EPSG:32640"
PRECISION = 0.8
SEEDS = 20
PERSON = {"ARPENT_PERSON": "Label Simulation", "ARPENT_FUNCTION": "labels", "ARPENT_ORGANIZATION": "benchmark"}


@dataclass
class Task:
    """A shipped package and the labels it is measured with."""

    model: str
    folder: str
    gsd: float
    classes: dict  # name of the class -> value of its labels
    tolerance: int  # pixels around a label that still count
    least_area_m2: float
    counts: tuple  # numbers of decisions


TASKS = [
    Task("road-cracks", "road_damage/uav_crack_cc0", 0.005, {"crack": 1}, 2, 0.0001, (50, 100, 200)),
    Task(
        "land-cover-50cm", "landcover/dubai_mbrsc", 0.5,
        {"building": 1, "unpaved land": 2, "road": 3, "vegetation": 4, "water": 5}, 0, 10.0, (200, 400, 800),
    ),
]


def arpent(program, *words, stdin=None):
    """Standard output of a command, as JSON."""
    env = {**os.environ, **PERSON}
    ended = subprocess.run([program, *map(str, words), "--format", "json", "--quiet"], input=stdin, capture_output=True, text=True, env=env)
    if ended.returncode:
        raise SystemExit(f"arpent {' '.join(map(str, words))}: {ended.stderr}")
    return json.loads(ended.stdout) if ended.stdout.strip() else {}


def halves(data, task):
    """Names of the validation pictures, in two halves: to review, and to measure on."""
    with open(data / "splits.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val" and f"{row['task']}/{row['dataset']}" == task.folder]
    names = sorted((row["item"] for row in rows), key=lambda name: hashlib.sha256(name.encode()).digest())
    return names[: len(names) // 2], names[len(names) // 2 :]


def placed(data, task, names, work):
    """Writes the pictures at positions of their own. Gives (scene, labels, transform) of each."""
    left, scenes = 500_000.0, []
    for name in names:
        image = np.asarray(Image.open(next((data / task.folder / "images").glob(f"{name}.*"))).convert("RGB"))
        labels = Image.open(next((data / task.folder / "masks").glob(f"{name}.*"))).convert("L")
        labels = np.asarray(labels.filter(ImageFilter.MaxFilter(2 * task.tolerance + 1)) if task.tolerance else labels)
        labels = (labels > 0).astype(np.uint8) if len(task.classes) == 1 else labels
        height, width = image.shape[:2]
        where = from_origin(left, 2_800_000.0, task.gsd, task.gsd)
        scene = work / f"{name}.tif"
        form = {"driver": "GTiff", "height": height, "width": width, "count": 3, "dtype": "uint8", "crs": CRS, "transform": where}
        with rasterio.open(scene, "w", photometric="rgb", **form) as file:
            file.write(image.transpose(2, 0, 1))
        scenes.append((scene, labels, where))
        left += (width + 50) * task.gsd
    return scenes


def mapped(program, task, scenes, work):
    """Runs the model. Gives the features: id, class, score, right, picture; those without labels are left out."""
    config = work / "run.toml"
    root = Path(__file__).resolve().parent.parent
    config.write_text(f'model = "{root}/models/{task.model}"\n[features]\nformats = ["geoparquet", "geojson"]\nmin_area_m2 = {task.least_area_m2}\n')
    run = ["run", config, "--threads", 1, "--output", work / "map"]
    arpent(program, *run, *[word for scene, _, _ in scenes for word in ("--scene", scene)])
    written = next((work / "map").glob("*/features.geojson"))
    features = json.loads(written.read_text())["features"]
    kept = []
    for feature in features:
        values = feature["properties"]
        shape = transform_geom("EPSG:4326", CRS, feature["geometry"])
        picture, share = judged(task, shape, values["class_name"], scenes)
        if share is not None and values["score"] is not None:
            kept.append((values["id"], values["class_name"], float(values["score"]), share >= 0.5, picture))
    return kept, len(features)


def judged(task, shape, name, scenes):
    """The picture that most of a feature lies in, and the share of its labeled pixels that have its class."""
    corner = np.asarray(shape["coordinates"][0] if shape["type"] == "Polygon" else shape["coordinates"][0][0])
    for picture, (_, labels, where) in enumerate(scenes):
        column = (corner[:, 0].mean() - where.c) / where.a
        if 0 <= column <= labels.shape[1]:
            inside = rasterize([shape], labels.shape, transform=where, dtype=np.uint8) == 1
            known = labels[inside] if len(task.classes) == 1 else labels[inside & (labels > 0)]
            return picture, (known == task.classes[name]).mean() if known.size else None
    return None, None


def learned(program, work, features, kind, count, seed):
    """Draws `count` features, decides about them as the labels say, and gives `learn.json`."""
    name, out = f"{kind}-{count}-{seed}", work / "map"
    arpent(program, "review", "new", out, "--name", name)
    words = ["review", "sample", out, "--review", name, "--folder", work / f"sample-{name}", "--reviewers", "Label Simulation"]
    arpent(program, *words, f"--{kind}", count, "--doubled", 0, "--seed", seed)
    right = {feature[0]: feature[3] for feature in features}
    with open(work / f"sample-{name}" / "tasks.csv", newline="") as file:
        drawn = [row["feature"] for row in csv.DictReader(file)]
    lines = [{"feature": id, "verdict": "confirmed" if right[id] else "invalidated"} for id in drawn if id in right]
    arpent(program, "review", "add", out, "--review", name, "--stdin", stdin="".join(json.dumps(line) + "\n" for line in lines))
    arpent(program, "review", "learn", out, "--review", name, "--to", work / f"learned-{name}", "--precision", PRECISION)
    return json.loads((work / f"learned-{name}" / "learn.json").read_text()), len(lines)


def applied(lesson, features):
    """Score, probability and whether the feature is kept, of each feature."""
    points = {g["class"]: np.array(g["recalibrated"]["points"]) for g in lesson["groups"] if g["recalibrated"] and not g["zone"]}
    least = {t["class"]: t["score"] for t in lesson["thresholds"] if t["wanted"] == "precision"}
    scores = np.array([f[2] for f in features])
    chance = np.array([np.interp(f[2], *points[f[1]].T) if f[1] in points else f[2] for f in features])
    kept = np.array([least.get(f[1]) is not None and f[2] >= least[f[1]] for f in features])
    return scores, chance, kept


def calibration(chance, right):
    """Expected calibration error, 15 bins of equal width."""
    bins = np.minimum((chance * 15).astype(int), 14)
    return sum(abs(chance[bins == b].sum() - right[bins == b].sum()) for b in range(15)) / max(len(right), 1)


def scores_of(lesson, features):
    """The metrics before and after, with those of each resample."""
    scores, chance, kept = applied(lesson, features)
    right = np.array([f[3] for f in features], dtype=float)
    pictures = np.array([f[4] for f in features])
    rows = [np.flatnonzero(pictures == picture) for picture in np.unique(pictures)]
    random = np.random.default_rng(1)

    def of(at):
        r, k = right[at], kept[at]
        ratio = lambda a, b: a / b if b else np.nan  # noqa: E731
        return {
            "brier_gain": np.mean((scores[at] - r) ** 2) - np.mean((chance[at] - r) ** 2),
            "ece_gain": calibration(scores[at], r) - calibration(chance[at], r),
            "precision_all": r.mean(), "precision_kept": ratio(r[k].sum(), k.sum()), "kept_of_right": ratio(r[k].sum(), r.sum()),
            "f1_all": ratio(2 * r.sum(), len(r) + r.sum()), "f1_kept": ratio(2 * r[k].sum(), k.sum() + r.sum()),
            "brier_before": np.mean((scores[at] - r) ** 2), "brier_after": np.mean((chance[at] - r) ** 2),
            "ece_before": calibration(scores[at], r), "ece_after": calibration(chance[at], r),
        }

    here = of(np.arange(len(right)))
    draws = [of(np.concatenate([rows[i] for i in random.integers(0, len(rows), len(rows))])) for _ in range(2_000)]
    # NaN: nothing is kept in a resample.
    ends = {name: np.nanpercentile([d[name] for d in draws], [2.5, 97.5]) if np.isfinite(here[name]) else None for name in here}
    return here, ends


def table(task, lesson, features, decisions):
    """One design, as rows of Markdown."""
    here, ends = scores_of(lesson, features)
    for name, value in here.items():
        interval = "" if ends[name] is None else f"{ends[name][0]:.3f} to {ends[name][1]:.3f}"
        print(f"| {task.model} | {decisions} | {name} | {value:.3f} | {interval} |")


def measure(data, program, task, work):
    """Everything of one task."""
    halved = halves(data, task)
    both = []
    for part, names in zip(("reviewed", "measured"), halved, strict=True):
        folder = work / task.model / part
        folder.mkdir(parents=True)
        both.append(mapped(program, task, placed(data, task, names, folder), folder))
    (reviewed, all_reviewed), (measured, all_measured) = both
    print(f"\n{task.model}: {len(halved[0])} pictures reviewed, {len(reviewed)} of {all_reviewed} features judged; "
          f"{len(halved[1])} measured, {len(measured)} of {all_measured} features judged\n")
    folder = work / task.model / "reviewed"
    lesson, decisions = learned(program, folder, reviewed, "random", all_reviewed, 0)
    print("| package | decisions | metric | value | interval |\n|---|---|---|---|---|")
    table(task, lesson, measured, decisions)
    print(f"\nenergy: {json.dumps(lesson.get('energy'))}\n\n| package | decisions | order | Brier score, held out |\n|---|---|---|---|")
    right = np.array([f[3] for f in measured], dtype=float)
    brier = lambda lesson: np.mean((applied(lesson, measured)[1] - right) ** 2)  # noqa: E731
    for count in [count for count in task.counts if count < all_reviewed]:
        random = [brier(learned(program, folder, reviewed, "random", count, seed)[0]) for seed in range(1, SEEDS + 1)]
        low, high = np.percentile(random, [2.5, 97.5])
        print(f"| {task.model} | {count} | random, {SEEDS} draws | {np.mean(random):.4f} ({low:.4f} to {high:.4f}) |")
        for kind in ("least-certain", "top"):
            print(f"| {task.model} | {count} | {kind} | {brier(learned(program, folder, reviewed, kind, count, 0)[0]):.4f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--program", default="target/debug/arpent")
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    for task in TASKS:
        if not (args.data / task.folder).is_dir():
            print(f"{task.folder}: not there, skipped")
            continue
        measure(args.data, args.program, task, args.work)


if __name__ == "__main__":
    main()
