"""Chips drawn from pictures, and their augmentation: the rules of `arpent-train`.

training/src/data/crops.rs and augment.rs say what is done; the random numbers differ.
"""

import numpy as np

import sets
from terms import IGNORE


class Crops:
    """Draws chips of some items, according to a description."""

    def __init__(self, items, classes, description):
        self.items, self.side = items, description["fit"]["chip_px"]
        self.dates = description["architecture"].get("dates", 1)
        self.weights = np.array([d.get("weight", 1.0) for d in sets.each(description["data"])])
        self.of = np.array([i.of for i in items])
        self.class_aware = description.get("sampling", {}).get("class_aware", 0.5)
        self.augment = description.get("augment", {})
        self.range = description.get("value_range", [0, 255])
        self.counts = np.stack([i.counts for i in items]).reshape(len(items), classes)
        self.pixels = np.array([i.values[0].size for i in items], np.float64)
        self.present = np.flatnonzero(self.counts.sum(0))

    def balanced_weights(self):
        """n / (classes x n_class) over the classes that occur; absent classes 1."""
        counts = self.counts.sum(0)
        present = max(len(self.present), 1)
        return np.where(counts > 0, counts.sum() / (present * np.maximum(counts, 1)), 1.0)

    def stream(self, seed, step, chip):
        """The random numbers of a chip."""
        return np.random.default_rng([seed, 2, step, chip])

    def draw(self, rng):
        """Values [bands, side, side] float32, raw, `nan` outside of the picture; and the chip's truth."""
        values, truth = self.cut(rng)
        for _ in range(7):
            if is_boxes(truth) or (truth != IGNORE).any():
                break
            values, truth = self.cut(rng)
        if self.augment.get("d4", True):
            values, truth = turned(values, truth, rng.integers(8))
        # The light of each date is varied separately.
        lit = [shine(v, self.augment, self.range, rng) for v in np.split(values, self.dates)]
        return np.concatenate(lit), truth

    def cut(self, rng):
        aware = rng.random() < self.class_aware
        label = rng.choice(self.present) if aware else None
        item = self.choose(self.pixels if label is None else self.counts[:, label], rng)
        row, column = place(item, label, rng) if label is not None else (None, None)
        height, width = item.values.shape[1:]
        return window(item, self.corner(height, row, rng), self.corner(width, column, rng), self.side)

    def choose(self, measure, rng):
        """An item: a set by its weight, then an item of it by its pixels (of the class)."""
        if len(self.weights) > 1:
            share = self.weights * (np.bincount(self.of, measure, len(self.weights)) > 0)
            measure = measure * (self.of == rng.choice(len(share), p=share / share.sum()))
        return self.items[rng.choice(len(self.items), p=measure / measure.sum())]

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
