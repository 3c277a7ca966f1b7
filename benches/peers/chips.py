"""Pictures with masks, chips drawn from them, and how chips are varied: the rules of `arpent-train`.

training/src/data/crops.rs and augment.rs say what is done; the random numbers differ.
"""

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from terms import IGNORE


@dataclass
class Item:
    """A picture: values [bands, height, width] uint8 or float32, labels [height, width] uint8."""

    name: str
    group: str
    split: str
    values: np.ndarray
    labels: np.ndarray
    counts: np.ndarray = field(default=None)


def read_items(data, root, classes):
    """All items of the training and validation splits of a description's `data`."""
    folder = root / data["folder"]
    label_of = np.full(256, IGNORE, np.uint8)
    for value, name in data["class_map"].items():
        if name is not None:
            label_of[int(value)] = classes.index(name)
    items = []
    with open(root / data.get("splits", "splits.csv"), newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["dataset"] == data["dataset"] and r["split"] in ("train", "val")]
    for row in rows:
        values = read_picture(folder, data["images"], row["item"])
        labels = label_of[np.asarray(Image.open(find(folder, data["masks"], row["item"])))]
        assert labels.shape == values.shape[1:], f"{row['item']}: mask and picture differ in size"
        counts = np.bincount(labels.ravel(), minlength=256)[: len(classes)]
        items.append(Item(row["item"], row["group"], row["split"], values, labels, counts))
    if not {"train", "val"} <= {i.split for i in items}:
        raise SystemExit(f"{data['dataset']}: the table of splits has no train or no val items")
    groups = [{i.group for i in items if i.split == s and i.group} for s in ("train", "val")]
    assert not groups[0] & groups[1], f"groups in both splits: {groups[0] & groups[1]}"
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


def statistics(items):
    """Mean and standard deviation of every band of the training split, float64."""
    n = sum(i.labels.size for i in items)
    mean = sum(i.values.sum((1, 2), dtype=np.float64) for i in items) / n
    squares = sum(((i.values - mean[:, None, None]) ** 2).sum((1, 2)) for i in items)
    std = np.sqrt(squares / n)
    return mean, np.where(std > 0, std, 1.0)


def balanced_weights(items):
    """n / (classes x n_class); absent classes 1."""
    counts = sum(i.counts for i in items).astype(np.float64)
    present = max((counts > 0).sum(), 1)
    return np.where(counts > 0, counts.sum() / (present * np.maximum(counts, 1)), 1.0)


class Crops:
    """Draws chips of the training split."""

    def __init__(self, items, side, class_aware, augment, value_range):
        self.items, self.side, self.class_aware = items, side, class_aware
        self.augment, self.range = augment, value_range
        self.counts = np.stack([i.counts for i in items]).astype(np.float64)
        self.pixels = np.array([i.labels.size for i in items], np.float64)
        self.present = np.flatnonzero(self.counts.sum(0))

    def draw(self, rng):
        """(values [bands, side, side] float32, labels [side, side]); raw values, `nan` outside of the picture."""
        values, labels = self.cut(rng)
        for _ in range(7):
            if (labels != IGNORE).any():
                break
            values, labels = self.cut(rng)
        if self.augment.get("d4", True):
            values, labels = turned(values, labels, rng.integers(8))
        return shine(values, self.augment, self.range, rng), np.ascontiguousarray(labels)

    def cut(self, rng):
        aware = rng.random() < self.class_aware
        label = rng.choice(self.present) if aware else None
        weights = self.pixels if label is None else self.counts[:, label]
        item = self.items[rng.choice(len(self.items), p=weights / weights.sum())]
        height, width = item.labels.shape
        row, column = None, None
        if label is not None:
            places = np.flatnonzero(item.labels == label)
            row, column = divmod(int(rng.choice(places)), width)
        top, left = self.corner(height, row, rng), self.corner(width, column, rng)
        return window(item, top, left, self.side)

    def corner(self, size, center, rng):
        room = size - self.side
        if room <= 0:
            return int(np.floor(room * rng.random()))
        if center is None:
            return int(rng.integers(room + 1))
        # Around the center, which may be anywhere but at the very border.
        return int(np.clip(center - self.side * rng.uniform(0.1, 0.9), 0, room))


def window(item, top, left, side):
    """A square of a picture; outside of it values are `nan` and labels IGNORE."""
    height, width = item.labels.shape
    values = np.full((len(item.values), side, side), np.nan, np.float32)
    labels = np.full((side, side), IGNORE, np.uint8)
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + side, height), min(left + side, width)
    to = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    values[:, *to] = item.values[:, y0:y1, x0:x1]
    labels[to] = item.labels[y0:y1, x0:x1]
    return values, labels


def turned(values, labels, turn):
    """One of the eight turns and flips."""
    both = [values, labels]
    if turn & 4:
        both = [np.swapaxes(a, -1, -2) for a in both]
    if turn & 1:
        both = [a[..., ::-1] for a in both]
    if turn & 2:
        both = [a[..., ::-1, :] for a in both]
    return both


def shine(values, augment, value_range, rng):
    """Gamma, then contrast around the band's mean, then brightness, then noise; kept in the value range."""
    factors = {k: np.exp(rng.uniform(-1, 1) * augment.get(k, 0.0)) for k in ("brightness", "contrast", "gamma")}
    noise = augment.get("noise", 0.0)
    if noise == 0 and all(f == 1 for f in factors.values()):
        return np.ascontiguousarray(values)
    low, span = value_range[0], value_range[1] - value_range[0]
    share = np.clip((values - low) / span, 0, 1) ** np.float32(factors["gamma"])
    mean = np.nan_to_num(np.nanmean(share.reshape(len(share), -1), 1))[:, None, None].astype(np.float32)
    share = ((share - mean) * np.float32(factors["contrast"]) + mean) * np.float32(factors["brightness"])
    if noise > 0:
        share = share + rng.normal(0, noise, share.shape).astype(np.float32)
    return low + span * np.clip(share, 0, 1)
