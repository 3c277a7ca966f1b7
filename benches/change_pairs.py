"""How well `arpent change` finds labeled changes from the images of real pairs, beside reference implementations on the same pixels.

    python benches/change_pairs.py DATA --program target/release/arpent --work FOLDER [--write RUN.md] [--pictures]

DATA is the folder that has `change/`; a set that is missing is skipped and counted. Needs GDAL's programs and NumPy, SciPy, rasterio,
Pillow and scikit-image (benches/peers/requirements.txt). Every pair is compared by IR-MAD and by change vectors with the rules of
configs/change/images.toml. Where the shift is refused, the comparison is repeated without the check, so that its pixels are judged too.

Files without a position get one, and near infrared that is flagged as alpha is unflagged (gdal_translate); pixels are not changed.
The tables go to standard output, and with `--write` between the two marks of a run file; text outside of the marks is kept.
`--pictures` writes each pair beside its labels and what was found: hits white, false alarms red, omissions blue, unknown gray.
"""

import argparse
import csv
import json
import platform
import re
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
import scipy
import skimage
from PIL import Image
from scipy.cluster.vq import kmeans2
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree
from scipy.stats import chi2
from skimage.filters import threshold_otsu

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from change_vectors import standardized  # noqa: E402
from ir_mad import ir_mad, otsu  # noqa: E402

SHIPPED = Path(__file__).parents[1] / "configs/change/images.toml"
MARKS = ("<!-- begin: change_pairs.py -->", "<!-- end: change_pairs.py -->")
METHODS = {"irmad": "IR-MAD", "cva": "change vectors"}
UNKNOWN, NO_SCORE, ABOVE = 255, 255, 126
# Where scenes have no position, any will do: UTM, so that areas are those of the pixels.
CRS, WEST, NORTH = "EPSG:32633", 500_000, 5_000_000
TREES = "trees_california_3dates"
# Trees: a change is found if change lies within NEAR_M of its point; a tree is stable if the later date has one within PARTNER_M, and
# no change, checked or not, lies within DOUBT_M.
NEAR_M, PARTNER_M, DOUBT_M, TREES_GSD = 2.0, 4.2, 6.0, 0.6


@dataclass
class Pair:
    """Files of two dates on one grid; `truth` is 0 (unchanged), 1 (changed) or UNKNOWN, or None without labels."""

    name: str
    files: tuple
    dates: tuple
    truth: np.ndarray | None = None
    runs: dict = field(default_factory=dict)


@dataclass
class Run:
    """One comparison: scores as stored (0 to 250), pixels of events, and what was reported."""

    evidence: np.ndarray
    events: np.ndarray
    shift: str
    good: str
    notes: list
    count: int
    weight: float = 0.0  # share of the pixels that IR-MAD rests on


def translated(source, target, *options):
    """A copy of a file with other metadata."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gdal_translate", "-q", *options, source, target], check=True)
    return target


def placed(source, target, gsd):
    with Image.open(source) as image:
        width, height = image.size
    corners = [WEST, NORTH, WEST + width * gsd, NORTH - height * gsd]
    return translated(source, target, "-a_srs", CRS, "-a_ullr", *map(str, corners))


def unflagged(source, target):
    return translated(source, target, "-colorinterp_4", "undefined")


def noisy(source, target, seed):
    """A copy with noise of two gray values: another date on which nothing changed."""
    if not target.exists():
        with rasterio.open(source) as file:
            values, profile = file.read(), file.profile
        values = np.rint(values + np.random.default_rng(seed).normal(0, 2, values.shape))
        with rasterio.open(target, "w", **profile) as file:
            file.write(values.clip(0, 255).astype(np.uint8))
    return target


def mask(path):
    return np.asarray(Image.open(path))


def bands_of(path):
    with rasterio.open(path) as file:
        return file.read().astype(np.float64)


def first_band(path):
    with rasterio.open(path) as file:
        return file.read(1)


def taizhou(folder, _work):
    labels = mask(folder / "taizhou_label_0none_1unchanged_2changed.png")
    truth = np.choose(labels, [UNKNOWN, 0, 1]).astype(np.uint8)
    yield Pair("taizhou", (folder / "taizhou_t1.tif", folder / "taizhou_t2.tif"), ("2000", "2003"), truth)


def oscd(folder, _work):
    for path in sorted(folder.glob("*_change.tif")):
        city = path.name.removesuffix("_change.tif")
        dates = re.findall(r"(\d{4})(\d\d)(\d\d)", (folder / f"{city}_dates.txt").read_text())
        files = (folder / f"{city}_1.tif", folder / f"{city}_2.tif")
        yield Pair(city, files, tuple("-".join(date) for date in dates), (first_band(path) > 0).astype(np.uint8))


def whu(folder, work):
    for path in sorted((folder / "label").glob("*.png")):
        files = tuple(placed(folder / date / path.name, work / f"{path.stem}_{date}.tif", 0.2) for date in "AB")
        yield Pair(path.stem, files, ("2012", "2016"), (mask(path) >= 128).astype(np.uint8))


def sztaki(folder, work):
    for path in sorted(folder.glob("*_change.png")):
        name = path.name.removesuffix("_change.png")
        files = tuple(placed(folder / f"{name}_im{i}.jpg", work / f"{name}_{i}.tif", 1.5) for i in (1, 2))
        yield Pair(name, files, ("2000", "2005"), (mask(path) >= 128).astype(np.uint8))


def naip(folder, work):
    files = sorted(folder.glob("*.tif"))
    dates = [re.search(r"_(\d{4})\d{4}$", path.stem)[1] for path in files]
    files = [unflagged(path, work / path.name) for path in files]
    for i in range(len(files) - 1):
        yield Pair(f"{dates[i]}-{dates[i + 1]}", tuple(files[i : i + 2]), tuple(dates[i : i + 2]))
    twice = tuple(noisy(files[0], work / f"noisy_{seed}.tif", seed) for seed in (1, 2))
    yield Pair(f"{dates[0]}-noise", twice, tuple(dates[:2]))


def landsat_series(folder, _work):
    files = sorted(folder.glob("*.tif"))
    for first, second in zip(files, files[1:]):
        yield Pair(f"{first.stem}-{second.stem}", (first, second), (first.stem, second.stem))


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def points_of(rows):
    return np.array([[float(row["x"]), float(row["y"])] for row in rows]).reshape(-1, 2)


def away(points, others):
    """Distance of points from the nearest of others, meters."""
    return cKDTree(others).query(points)[0] * TREES_GSD if len(others) else np.full(len(points), np.inf)


def near(points, found):
    """Number of points with change within NEAR_M."""
    far = distance_transform_edt(~found) * TREES_GSD if found.any() else np.full(found.shape, np.inf)
    x, y = points.astype(int).clip(0, np.array(found.shape[::-1]) - 1).T
    return int((far[y, x] <= NEAR_M).sum())


def tree_pairs(folder, work):
    """Pairs of one place with checked changes, trees that stay, and whether next to nothing changed."""
    changes = rows_of(folder / "changes.csv")
    for place in rows_of(folder / "places.csv"):
        stem = f"{place['city']}_{place['place']}"
        years = sorted(path.stem[-4:] for path in folder.glob(f"images/{stem}_*.tif"))
        for dates in zip(years, years[1:]):
            files = tuple(unflagged(folder / f"images/{stem}_{y}.tif", work / f"{stem}_{y}.tif") for y in dates)
            wanted = (place["city"], place["place"], *dates)
            here = [row for row in changes if (row["city"], row["place"], row["from"], row["to"]) == wanted]
            checked = points_of([row for row in here if row["checked_by_eye"] == "yes"])
            first, second = (points_of(rows_of(folder / f"points/{stem}_{y}.csv")) for y in dates)
            stable = first[(away(first, second) <= PARTNER_M) & (away(first, points_of(here)) > DOUBT_M)]
            yield Pair(f"{stem}-{'-'.join(dates)}", files, dates), checked, stable, place["why"] == "quiet"


SETS = {
    "landsat_taizhou_nanjing": ("Taizhou: Landsat, 30 m, 6 bands, sparse labels of any change", taizhou),
    "oscd_sentinel2_NC": ("OSCD: Sentinel-2, 10 m, 4 bands, urban change", oscd),
    "whu_cd_samples": ("WHU: aerial, 0.2 m, RGB, buildings", whu),
    "sztaki_airchange": ("SZTAKI Szada: aerial, 1.5 m, RGB, built-up areas, groundwork, plow-land", sztaki),
    "naip_nd_2009_2020": ("NAIP North Dakota: aerial, 5 m, 4 bands, no labels", naip),
    "landsat_timeseries_1985_2020": ("Landsat Ucayali: 90 m, RGB, no labels", landsat_series),
    TREES: ("Trees of California: aerial, 0.6 m, 4 bands, single trees", tree_pairs),
}


def compare(given, name, pair, method):
    """Runs `arpent change`; without the check of the shift where that refuses the pair. None, and why, where it fails otherwise."""
    rules = tomllib.loads(SHIPPED.read_text())["events"]
    output = given.work / "runs" / name / f"{pair.name}-{method}"
    output.parent.mkdir(parents=True, exist_ok=True)
    refused, notes = None, []
    for mode in ("check", "off"):
        config = output.with_suffix(".toml")
        config.write_text(
            f'chips = 0\nformats = ["geojson"]\n[before]\ndate = "{pair.dates[0]}"\n[after]\ndate = "{pair.dates[1]}"\n'
            f'[images]\nmethod = "{method}"\n[registration]\nmode = "{mode}"\n'
            f'[events]\nmin_area_m2 = {rules["min_area_m2"]}\n'
        )
        command = [given.program, "change", config, "--before", pair.files[0], "--after", pair.files[1]]
        done = subprocess.run([*command, "--output", output, "--overwrite"], capture_output=True, text=True)
        if done.returncode == 0:
            break
        message = re.search(r"^error: (.*)", done.stderr, re.MULTILINE)[1]
        refused = refused or re.search(r"shifted by ([\d.]+) pixels .*median of (\d+) cells", message)
        if mode == "off" or not refused:
            print(f"{name} {pair.name} {method}: {message}", file=sys.stderr)
            return None
        notes.append("refused")
    manifest = json.loads((output / "manifest.json").read_text())
    files = output / manifest["attempt"]
    facts = manifest["counts"]["change"]
    irmad = facts["images"].get("irmad", {})
    if irmad.get("stop") == "max_iterations":
        notes.append("not converged")
    notes += [w["code"] for w in manifest.get("warnings", []) if "refused" not in notes]
    summary = (facts["registration"] or {}).get("summary")
    if refused:
        px, good = refused[1], refused[2]
    else:
        px, good = (f"{summary['median_length']:.2f}" if summary else "-"), good_cells(files / "shift.csv")
    events, evidence = first_band(files / "map.tif") == 1, first_band(files / "evidence.tif")
    weight = irmad.get("weight", 0.0) / facts["images"]["pixels"]
    return Run(evidence, events, px, good, notes, manifest["counts"]["features"], weight)


def good_cells(path):
    with open(path, newline="") as file:
        states = [row["state"] for row in csv.DictReader(file)]
    return f"{states.count('good')} of {len(states)}"


def pca_kmeans(difference, side=4, components=3):
    """Celik 2009: principal components of blocks of the difference image, the surroundings of pixels in two clusters."""
    height, width = (n - n % side for n in difference.shape)
    blocks = difference[:height, :width].reshape(height // side, side, -1, side).swapaxes(1, 2).reshape(-1, side**2)
    vectors = np.linalg.svd(blocks - blocks.mean(0), full_matrices=False)[2][:components]
    padded = np.pad(difference, (side // 2, side - 1 - side // 2), "reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, (side, side)).reshape(-1, side**2)
    features = (around - blocks.mean(0)) @ vectors.T
    large = (difference > threshold_otsu(difference)).ravel()
    _, cluster = kmeans2(features, np.array([features[~large].mean(0), features[large].mean(0)]), minit="matrix")
    means = [difference.ravel()[cluster == k].mean() for k in (0, 1)]
    return (cluster == np.argmax(means)).reshape(difference.shape)


def references(pair):
    """Masks of change by reference implementations."""
    lengths = np.sqrt(((standardized(pair.files[1], None) - standardized(pair.files[0], None)) ** 2).sum(0))
    images = [bands.reshape(len(bands), -1) for bands in map(bands_of, pair.files)]
    try:
        with np.errstate(invalid="ignore"):
            statistic = ir_mad(*images)[6].reshape(lengths.shape)
    except ValueError:  # singular covariances
        statistic = np.zeros_like(lengths)
    score = np.sqrt(statistic)
    return {
        "NumPy change vectors, Otsu": lengths > threshold_otsu(lengths),
        "NumPy IR-MAD, Otsu": score > otsu(score.ravel()),
        "NumPy IR-MAD, chi-square at 1 %": statistic > chi2.isf(0.01, len(images[0])),
        "PCA and k-means (Celik 2009)": pca_kmeans(lengths),
        "every pixel called changed": np.ones_like(lengths, bool),
    }


def counts(truth, found, valid):
    known = (truth != UNKNOWN) & valid
    t, f = truth[known] == 1, found[known]
    return np.array([(t & f).sum(), (~t & f).sum(), (t & ~f).sum(), (~t & ~f).sum()])


def ratio(above, below):
    return above / below if below else float("nan")


def f1(c):
    return ratio(2 * c[0], 2 * c[0] + c[1] + c[2])


def best(truth, run):
    """Counts at the threshold with the largest F1, nothing where nothing changed: what no rule for thresholds can exceed."""
    above = [np.bincount(run.evidence[truth == k], minlength=256)[NO_SCORE - 1 :: -1].cumsum() for k in (1, 0)]
    hits, alarms = (np.concatenate([[0], a]) for a in above)
    scores = 2 * hits / np.maximum(hits + alarms + hits[-1], 1)
    k = scores.argmax()
    return np.array([hits[k], alarms[k], hits[-1] - hits[k], alarms[-1] - alarms[k]])


def any_run(pair):
    return next(run for run in pair.runs.values() if run)


def judge(pair):
    """Counts of every method on the pixels that all have."""
    valid = any_run(pair).evidence != NO_SCORE
    rows = {}
    for method, run in pair.runs.items():
        if run is None:
            nothing = np.zeros(pair.truth.shape, np.uint8)
            run = Run(nothing, nothing > 0, "", "", [], 0)
        rows[f"{METHODS[method]}, above Otsu's threshold"] = counts(pair.truth, run.evidence >= ABOVE, valid)
        rows[f"{METHODS[method]}, events"] = counts(pair.truth, run.events, valid)
        rows[f"{METHODS[method]}, threshold chosen by the labels"] = best(pair.truth, run)
    for name, found in references(pair).items():
        rows[name] = counts(pair.truth, found, valid)
    return rows


def number(value, digits=3):
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def percent(part, whole):
    return number(100 * ratio(part, whole), 1) + " %"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def of_pixels(judged):
    rows = []
    for name in judged[0]:
        each = [rows_of[name] for rows_of in judged]
        c = sum(each)
        single = [f1(one) for one in each if one[0] + one[2]]
        values = [f1(c), ratio(c[0], c[0] + c[1]), ratio(c[0], c[0] + c[2]), ratio(c[0], c[:3].sum()), np.median(single)]
        rows.append([name, *map(number, values), percent(c[1], c[1] + c[3])])
    head = ["method", "F1", "precision", "recall", "IoU", "median F1 of pairs", "unchanged pixels called changed"]
    return table(head, rows)


def of_pairs(pairs, judged):
    rows = []
    for i, pair in enumerate(pairs):
        run, made = any_run(pair), [run for run in pair.runs.values() if run]
        notes = list(dict.fromkeys(note for run in made for note in run.notes))
        notes += [f"{METHODS[method]} failed" for method, run in pair.runs.items() if run is None]
        weight = percent(pair.runs["irmad"].weight, 1) if pair.runs["irmad"] else "-"
        if judged:
            c = judged[i]["every pixel called changed"]
            scores = {m: [f1(judged[i][f"{METHODS[m]}, {of}"]) for of in ("above Otsu's threshold", "events")] for m in METHODS}
            values = [number(s if c[0] and pair.runs[m] else np.nan) for m in METHODS for s in scores[m]]
            values.insert(0, percent(c[0], c[0] + c[1]))
        else:
            shares = [found for r in made for found in (r.evidence[r.evidence != NO_SCORE] >= ABOVE, r.events)]
            values = [percent(found.mean(), 1) for found in shares]
        rows.append([pair.name, run.shift, run.good, weight, ", ".join(notes), *values])
    what = "F1" if judged else "called changed"
    heads = [f"{what}, {name}, {of}" for name in METHODS.values() for of in ("threshold", "events")]
    facts = ["pair", "shift, px", "good cells", "IR-MAD rests on", "notes", *(["changed by the labels"] if judged else [])]
    return table([*facts, *heads], rows)


def picture(pair, run, path):
    """Both dates, and what was found (events above, pixels above the threshold below) on the labels."""
    dates = []
    for file in pair.files:
        values = bands_of(file)
        values = values[:3] if len(values) < 6 else values[2::-1]
        low, high = np.percentile(values, [1, 99], axis=(1, 2), keepdims=True)
        dates.append((np.clip((values - low) / (high - low), 0, 1) * 255).transpose(1, 2, 0).astype(np.uint8))
    shown = []
    for found in (run.evidence >= ABOVE, run.events):
        truth = np.zeros_like(run.evidence) if pair.truth is None else pair.truth
        colors = np.array([[0, 0, 0], [220, 40, 40], [60, 110, 255], [255, 255, 255]], np.uint8)
        image = colors[(truth == 1) * 2 + (found & (run.evidence != NO_SCORE))]
        image[truth == UNKNOWN] = np.where(found[truth == UNKNOWN], 150, 70)[:, None]
        shown.append(image)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.hstack(dates + shown)).save(path)


def trees(given, folder):
    """Objects: which checked changes have change near them, and what is found where little changed."""
    sums = {}
    for pair, checked, stable, is_quiet in tree_pairs(folder, given.work / "prepared" / TREES):
        for method in METHODS:
            run = compare(given, TREES, pair, method)
            if run and given.pictures:
                picture(pair, run, given.work / "pictures" / TREES / f"{pair.name}-{method}.png")
            for what in ("above Otsu's threshold", "events"):
                row = sums.setdefault((" to ".join(pair.dates), f"{METHODS[method]}, {what}"), Counter())
                row.update(pairs=1, checked=len(checked), stable=len(stable), quiet=int(is_quiet), failed=int(run is None))
                if run:
                    found = run.events if what == "events" else run.evidence >= ABOVE
                    row.update(hit=near(checked, found), alarm=near(stable, found), changed=found.sum(), pixels=found.size)
                    row.update(weight=run.weight, **dict.fromkeys(run.notes, 1))
                    if is_quiet:
                        row.update(silent=int(not found.any()), quiet_changed=found.sum(), quiet_pixels=found.size, events=run.count)
    rows = []
    for (dates, name), c in sums.items():
        kinds = ("failed", "refused", "not converged", "shift-assumed")
        notes = [f"{kind}: {c[kind]} of {c['pairs']}" for kind in kinds if c[kind]]
        notes += [f"rests on {percent(c['weight'], c['pairs'] - c['failed'])}"] if c["weight"] else []
        events = number(ratio(c["events"], c["quiet"]), 0) if name.endswith("events") else "-"
        rows.append([
            dates, name, f"{c['hit']} of {c['checked']}", f"{c['alarm']} of {c['stable']} ({percent(c['alarm'], c['stable'])})",
            f"{c['silent']} of {c['quiet']}", events, percent(c["quiet_changed"], c["quiet_pixels"]),
            percent(c["changed"], c["pixels"]), ", ".join(notes),
        ])  # fmt: skip
    head = ["dates", "method", "checked changes found", "stable trees called changed", "quiet places without change"]
    return table([*head, "events in a quiet place", "ground of quiet places called changed", "all ground", "notes"], rows)


def versions(given):
    program = subprocess.run([given.program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    gdal = subprocess.run(["gdalinfo", "--version"], capture_output=True, text=True, check=True).stdout.split(",")[0]
    modules = ", ".join(f"{m.__name__} {m.__version__}" for m in (np, scipy, skimage, rasterio))
    return f"{program}, {gdal}, Python {platform.python_version()}, {modules}.\n"


def section(given, name, folder):
    title, pairs_of = SETS[name]
    if name == TREES:
        return f"### {title}\n\n{trees(given, folder)}"
    pairs, failed = [], 0
    for pair in pairs_of(folder, given.work / "prepared" / name):
        pair.runs = {method: compare(given, name, pair, method) for method in METHODS}
        failed += list(pair.runs.values()).count(None)
        pairs += [pair] if any(pair.runs.values()) else []
        for method, run in pair.runs.items():
            if run and given.pictures:
                picture(pair, run, given.work / "pictures" / name / f"{pair.name}-{method}.png")
    judged = [judge(pair) for pair in pairs if pair.truth is not None]
    text = f"### {title}\n\n{len(pairs)} pair{'s'[: len(pairs) != 1]}{f', {failed} comparisons failed' if failed else ''}.\n\n"
    return text + (of_pixels(judged) + "\n" if judged else "") + of_pairs(pairs, judged)


def report(given):
    folders = {name: given.data / "change" / name for name in given.only}
    skipped = [name for name, folder in folders.items() if not folder.is_dir()]
    parts = [section(given, name, folder) for name, folder in folders.items() if name not in skipped]
    last = f"Sets that were not there: {len(skipped)}{': ' if skipped else ''}{', '.join(skipped)}.\n"
    return "\n".join([versions(given), *parts, last])


def write(path, text):
    """Puts the text between the marks of a file, which are added where there are none."""
    old = path.read_text() if path.exists() else ""
    before, _, rest = old.partition(MARKS[0])
    path.write_text(f"{before}{MARKS[0]}\n\n{text}\n{MARKS[1]}{rest.partition(MARKS[1])[2] or chr(10)}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for copies, comparisons and pictures")
    parser.add_argument("--write", type=Path, help="run file")
    parser.add_argument("--only", nargs="+", metavar="SET", choices=SETS, default=list(SETS), help="names of folders; all by default")
    parser.add_argument("--pictures", action="store_true")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    text = report(given)
    print(text)
    if given.write:
        write(given.write, text)


if __name__ == "__main__":
    main()
