"""Pictures with their truth, chips drawn from them, and how chips are varied: the rules of `arpent-train`.

training/src/data/crops.rs and augment.rs say what is done; the random numbers differ. The truth of a picture is
labels, uint8 [height, width], or boxes, float64 [n, 5]: class, west, north, east, south side.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from terms import IGNORE


@dataclass
class Item:
    """A picture [bands, height, width] and what is known of it; `counts` of pixels (or boxes) by class."""

    name: str
    group: str
    split: str
    values: np.ndarray
    truth: np.ndarray
    counts: np.ndarray


def read_items(data, root, classes):
    """All items of the training and validation splits of a description's `data`."""
    folder = root / data["folder"]
    class_of = {
        int(value): classes.index(name) for value, name in data["class_map"].items() if name is not None
    }
    with open(root / data.get("splits", "splits.csv"), newline="") as file:
        rows = [
            r
            for r in csv.DictReader(file)
            if r["dataset"] == data["dataset"] and r["split"] in ("train", "val")
        ]
    items = []
    for row in rows:
        values = read_picture(folder, data["images"], row["item"])
        if "masks" in data:
            truth = read_mask(find(folder, data["masks"], row["item"]), class_of)
            assert truth.shape == values.shape[1:], f"{row['item']}: mask and picture differ in size"
            known = truth.ravel()
        else:
            truth = read_yolo(find(folder, data["boxes"], row["item"]), class_of, values.shape)
            known = truth[:, 0].astype(np.int64)
        counts = np.bincount(known, minlength=256)[: len(classes)].astype(np.float64)
        items.append(Item(row["item"], row["group"], row["split"], values, truth, counts))
    if not {"train", "val"} <= {i.split for i in items}:
        raise SystemExit(f"{data['dataset']}: the table of splits has no train or no val items")
    return items


def find(folder, pattern, item):
    """The file of an item: `pattern` with {item} put in, where `*` stands for any ending."""
    found = sorted(Path(folder).glob(pattern.replace("{item}", item)))
    if len(found) != 1:
        raise SystemExit(f"{folder}: {len(found)} files match {pattern} for {item}")
    return found[0]


def read_picture(folder, patterns, item):
    """The bands of an item's files, one file after the other."""
    planes = []
    for pattern in patterns:
        pixels = np.asarray(Image.open(find(folder, pattern, item)))
        planes.append(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))
    return np.ascontiguousarray(np.concatenate(planes))


def read_mask(path, class_of):
    table = np.full(256, IGNORE, np.uint8)
    for value, position in class_of.items():
        table[value] = position
    return table[np.asarray(Image.open(path))]


def read_yolo(path, class_of, shape):
    """Boxes of lines `class x y width height`, center and size as shares of the picture's."""
    _, height, width = shape
    boxes = []
    for line in path.read_text().split("\n"):
        if not line.strip():
            continue
        label, x, y, w, h = (float(v) for v in line.split()[:5])
        if int(label) in class_of:
            sides = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
            boxes.append([class_of[int(label)], *sides])
    return np.array(boxes, np.float64).reshape(-1, 5)


def statistics(items):
    """Mean and standard deviation of every band, float64."""
    n = sum(i.values[0].size for i in items)
    mean = sum(i.values.sum((1, 2), dtype=np.float64) for i in items) / n
    squares = sum(((i.values - mean[:, None, None]) ** 2).sum((1, 2)) for i in items)
    std = np.sqrt(squares / n)
    return mean, np.where(std > 0, std, 1.0)


class Crops:
    """Draws chips of some items, as a description wants them."""

    def __init__(self, items, classes, description):
        self.items, self.side = items, description["fit"]["chip_px"]
        self.class_aware = description.get("sampling", {}).get("class_aware", 0.5)
        self.augment = description.get("augment", {})
        self.range = description.get("value_range", [0, 255])
        self.counts = np.stack([i.counts for i in items]).reshape(len(items), classes)
        self.pixels = np.array([i.values[0].size for i in items], np.float64)
        self.present = np.flatnonzero(self.counts.sum(0))

    def balanced_weights(self):
        """n / (classes x n_class) over the classes that there are; absent classes 1."""
        counts = self.counts.sum(0)
        present = max(len(self.present), 1)
        return np.where(counts > 0, counts.sum() / (present * np.maximum(counts, 1)), 1.0)

    def draw(self, rng):
        """Values [bands, side, side] float32, raw, `nan` outside of the picture; and the chip's truth."""
        values, truth = self.cut(rng)
        for _ in range(7):
            if is_boxes(truth) or (truth != IGNORE).any():
                break
            values, truth = self.cut(rng)
        if self.augment.get("d4", True):
            values, truth = turned(values, truth, rng.integers(8))
        return shine(values, self.augment, self.range, rng), truth

    def cut(self, rng):
        aware = rng.random() < self.class_aware
        label = rng.choice(self.present) if aware else None
        weights = self.pixels if label is None else self.counts[:, label]
        item = self.items[rng.choice(len(self.items), p=weights / weights.sum())]
        row, column = place(item, label, rng) if label is not None else (None, None)
        height, width = item.values.shape[1:]
        return window(item, self.corner(height, row, rng), self.corner(width, column, rng), self.side)

    def corner(self, size, center, rng):
        room = size - self.side
        if room <= 0:
            return int(np.floor(room * rng.random()))
        if center is None:
            return int(rng.integers(room + 1))
        # Around the center, which may be anywhere but at the very border.
        return int(np.clip(center - self.side * rng.uniform(0.1, 0.9), 0, room))


def is_boxes(truth):
    return truth.dtype == np.float64


def place(item, label, rng):
    """A pixel, or the center of a box, of a class."""
    if is_boxes(item.truth):
        of = item.truth[item.truth[:, 0] == label]
        _, x0, y0, x1, y1 = of[rng.integers(len(of))]
        return (y0 + y1) / 2, (x0 + x1) / 2
    return divmod(int(rng.choice(np.flatnonzero(item.truth == label))), item.truth.shape[1])


def window(item, top, left, side):
    """A square of a picture; outside of it values are `nan` and labels IGNORE. Boxes stay if their center is in it."""
    bands, height, width = item.values.shape
    values = np.full((bands, side, side), np.nan, np.float32)
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + side, height), min(left + side, width)
    to = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    values[:, *to] = item.values[:, y0:y1, x0:x1]
    if is_boxes(item.truth):
        boxes = item.truth - [0, left, top, left, top]
        centers = (boxes[:, 1:3] + boxes[:, 3:5]) / 2
        return values, boxes[((centers >= 0) & (centers < side)).all(1)]
    labels = np.full((side, side), IGNORE, np.uint8)
    labels[to] = item.truth[y0:y1, x0:x1]
    return values, labels


def turned(values, truth, turn):
    """One of the eight turns and flips."""
    side = values.shape[-1]
    if is_boxes(truth):
        truth = truth.copy()
        if turn & 4:
            truth = truth[:, [0, 2, 1, 4, 3]]
        if turn & 1:
            truth[:, [1, 3]] = side - truth[:, [3, 1]]
        if turn & 2:
            truth[:, [2, 4]] = side - truth[:, [4, 2]]
        return turned_planes(values, turn), truth
    return turned_planes(values, turn), turned_planes(truth, turn)


def turned_planes(planes, turn):
    if turn & 4:
        planes = np.swapaxes(planes, -1, -2)
    if turn & 1:
        planes = planes[..., ::-1]
    if turn & 2:
        planes = planes[..., ::-1, :]
    return np.ascontiguousarray(planes)


def shine(values, augment, value_range, rng):
    """Gamma, then contrast around the band's mean, then brightness, then noise; kept in the value range."""
    factors = {
        k: np.exp(rng.uniform(-1, 1) * augment.get(k, 0.0)) for k in ("brightness", "contrast", "gamma")
    }
    noise = augment.get("noise", 0.0)
    if noise == 0 and all(f == 1 for f in factors.values()):
        return values
    low, span = value_range[0], value_range[1] - value_range[0]
    share = np.clip((values - low) / span, 0, 1) ** np.float32(factors["gamma"])
    mean = np.nan_to_num(np.nanmean(share.reshape(len(share), -1), 1))[:, None, None].astype(np.float32)
    share = ((share - mean) * np.float32(factors["contrast"]) + mean) * np.float32(factors["brightness"])
    if noise > 0:
        share = share + rng.normal(0, noise, share.shape).astype(np.float32)
    return low + span * np.clip(share, 0, 1)
