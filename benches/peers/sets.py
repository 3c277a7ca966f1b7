"""Data sets as descriptions name them: pictures with their labels, and the split of each.

The truth of a picture is labels, uint8 [height, width], or boxes, float64 [n, 5]: class, west, north, east, south side.
"""

import csv
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import rasterio
from PIL import Image

import polygons
from terms import IGNORE

PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
SIDES = {"train": "train", "val": "val", "validation": "val", "test": "test"}
# How far beyond the picture a box may reach, pixels: tools round differently.
SLACK_PX = 1.0


@dataclass
class Item:
    """A picture [bands, height, width] and its labels; `counts` of pixels (or boxes) by class."""

    name: str
    group: str
    split: str
    values: np.ndarray
    truth: np.ndarray
    counts: np.ndarray
    of: int = 0  # the number of its set


def read_items(sets, roots, classes):
    """Items for training and validation of one set (a table of a description) or several."""
    items = []
    for number, data in enumerate(each(sets)):
        items += [item for item in read_set(data, roots, classes, number) if item.split != "test"]
    if not {"train", "val"} <= {i.split for i in items}:
        raise SystemExit("the splits have no items for training, or none for validation")
    return items


def each(sets):
    return sets if isinstance(sets, list) else [sets]


def read_set(data, roots, classes, number=0):
    """All labeled items of a set. It lies in the first of the folders `roots` that has it."""
    root = next((root for root in roots if (root / data["folder"]).is_dir()), None)
    if root is None:
        raise SystemExit(f"no folder {data['folder']} in {', '.join(map(str, roots))}")
    folder = root / data["folder"]
    positions = {
        key.lower(): None if name is None else classes.index(name) for key, name in data["class_map"].items()
    }
    if "polygons" in data:
        found = polygons.read(data, folder, positions, lambda group: side(data["split"], group))
    elif "tables" in data:
        found = read_tables(data, folder, positions)
    else:
        found = read_files(data, root, folder, positions)
    items = []
    for name, group, split, values, truth in found:
        known = truth[:, 0].astype(np.int64) if truth.dtype == np.float64 else truth.ravel()
        counts = np.bincount(known, minlength=256)[: len(classes)].astype(np.float64)
        items.append(Item(name, group, split, values, truth, counts, number))
    return items


def read_files(data, root, folder, positions):
    """Name, group, split, values and truth of every item, from a file or more of each."""
    rows = sorted(by_rule(data, folder) if "split" in data else by_table(data, root))
    refuse_leaks(data["folder"], rows)
    for name, group, split in rows:
        values = read_picture(folder, data["images"], name, data.get("bands"))
        yield name, group, split, values, read_truth(data, folder, name, positions, values.shape)


def read_tables(data, folder, positions):
    """The same of tables of boxes (`file,xmin,ymin,xmax,ymax,label`): each is a group, and all of one split."""
    for table, split in data["tables"].items():
        boxes = {}
        with open(folder / table, newline="") as file:
            for row in csv.DictReader(file):
                sides = [float(row[key]) for key in ("xmin", "ymin", "xmax", "ymax")]
                boxes.setdefault(row["file"], []).append([positions[row["label"].lower()], *sides])
        for name in sorted(boxes.keys() - set(data.get("without", []))):
            values = read_bands(folder / name, data.get("bands"))
            truth = fitted(name, np.array(boxes[name], np.float64), values.shape)
            yield name, table, SIDES[split], values, truth


def by_table(data, root):
    """Item, group and side, from the lines of a table (CSV: task, dataset, split, item, group)."""
    with open(root / data.get("splits", "splits.csv"), newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["dataset"] == data["dataset"]]
    for row in rows:
        if row["split"] != "unlabelled":
            item = row["item"]
            item = item[: -len(Path(item).suffix)] if Path(item).suffix.lower() in PICTURES else item
            yield item, row["group"] or item, SIDES[row["split"]]


def by_rule(data, folder):
    """The same by a rule."""
    rule = data["split"]
    before, after = data["images"][0].split("{item}")
    for path in sorted(folder.glob(f"{before}*{after}")):
        item = str(path.relative_to(folder))[len(before) :].removesuffix(path.suffix)
        found = re.search(rule["by"]["pattern"], item)
        if not found:
            raise SystemExit(f"{path}: the pattern of its split finds no group in it")
        group = found[1] if found.re.groups and found[1] is not None else found[0]
        yield item, group, side(rule, group)


def side(rule, group):
    """By datasets/src/splits.rs: a group goes where the hash of `<seed>\\n<group>` falls in [0, 1)."""
    digest = hashlib.sha256(f"{rule.get('seed', 0)}\n{group}".encode()).digest()
    at = int.from_bytes(digest[:8], "big") / 2**64
    val, test = rule["validation"], rule.get("test", 0.0)
    return "val" if at < val else "test" if at < val + test else "train"


def refuse_leaks(name, rows):
    seen = {}
    for _, group, split in rows:
        if seen.setdefault(group, split) != split:
            raise SystemExit(f"{name}: group `{group}` is in {seen[group]} and in {split}")


def find(folder, pattern, item):
    """The file of an item: `pattern` with {item} put in, where `*` stands for any ending."""
    found = sorted(Path(folder).glob(pattern.replace("{item}", item)))
    if len(found) != 1:
        raise SystemExit(f"{folder}: {len(found)} files match {pattern} for {item}")
    return found[0]


def read_picture(folder, patterns, item, bands=None):
    """The bands (numbered from 1) of an item's files, those of a date, then those of the next: one file after the other."""
    planes = [read_bands(find(folder, pattern, item), bands) for pattern in patterns]
    return np.ascontiguousarray(np.concatenate(planes))


def read_bands(path, bands):
    if bands is not None:
        with rasterio.open(path) as file:
            return file.read(bands)
    pixels = np.asarray(Image.open(path))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def read_truth(data, folder, item, positions, shape):
    """The labels of an item."""
    if "masks" in data:
        truth = read_mask(find(folder, data["masks"], item), positions)
        assert truth.shape == shape[1:], f"{item}: mask and picture differ in size"
        return truth
    if data.get("class_folders"):
        # A picture as a whole is of the class of its folder, and so is each of its pixels.
        return np.full(shape[1:], positions[item.split("/")[0].lower()], np.uint8)
    read = read_yolo if "boxes" in data else read_voc
    boxes = read(find(folder, data["boxes" if "boxes" in data else "voc"], item), positions, shape)
    return fitted(item, np.array(boxes, np.float64).reshape(-1, 5), shape)


def read_mask(path, positions):
    table = np.full(256, IGNORE, np.uint8)
    for value, position in positions.items():
        table[int(value)] = IGNORE if position is None else position
    return table[np.asarray(Image.open(path))]


def read_yolo(path, positions, shape):
    """Boxes of lines `class x y width height`, center and size as shares of the picture's."""
    _, height, width = shape
    boxes = []
    for line in path.read_text().split("\n"):
        if not line.strip():
            continue
        label, x, y, w, h = line.split()
        x, y, w, h = (float(v) for v in (x, y, w, h))
        left, top = (x - w / 2) * width, (y - h / 2) * height
        if positions[label] is not None:
            boxes.append([positions[label], left, top, left + w * width, top + h * height])
    return boxes


def read_voc(path, positions, _shape):
    """Boxes of Pascal VOC's XML; corners unchanged."""
    boxes = []
    for thing in ElementTree.parse(path).getroot().iter("object"):
        position = positions[thing.findtext("name").lower()]
        if position is not None:
            corners = [
                float(thing.find("bndbox").findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax")
            ]
            boxes.append([position, *corners])
    return boxes


def fitted(item, boxes, shape):
    """Cuts boxes that reach a little beyond the picture; others beyond it, and those without area, are refused."""
    _, height, width = shape
    sides, size = boxes[:, 1:], np.array([width, height, width, height], np.float64)
    beyond = (sides < -SLACK_PX) | (sides > size + SLACK_PX)
    if beyond.any() or (sides[:, :2] >= sides[:, 2:]).any():
        raise SystemExit(f"{item}: a box without area or beyond the picture")
    return np.concatenate([boxes[:, :1], np.clip(sides, 0, size)], 1)


def statistics(items):
    """Mean and standard deviation of every band, float64."""
    n = sum(i.values[0].size for i in items)
    mean = sum(i.values.sum((1, 2), dtype=np.float64) for i in items) / n
    squares = sum(((i.values - mean[:, None, None]) ** 2).sum((1, 2)) for i in items)
    std = np.sqrt(squares / n)
    return mean, np.where(std > 0, std, 1.0)
