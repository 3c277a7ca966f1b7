"""Boxes with a direction: overlaps as shapely has them (crates/arpent-raster/tests/oriented-iou.json), and targets and loss of a detector
without anchors, by shapely and by PyTorch (training/tests/parity/oriented-losses.json).

The loss is the distance of Hellinger between Gaussians (Llerena et al., 2021), here from angles and matrices with torch.linalg in
float64; the rules of the targets are those of the upright detector (parity_fcos.py) in the directions of the boxes.
"""

import math

import numpy as np
import torch
from shapely import Point
from shapely.affinity import rotate, translate
from shapely.geometry import LineString, box

import formula
from fixture import LOSSES, ROOT, number, numbers, write

SIDE, CLASSES, STRIDES, AROUND, SIZES = 128, 2, [4, 8, 16], 1.5, (4.0, 8.0)
VALUES = CLASSES + 6
# Class, column and row of the center, halves of the sides, degrees from east to south.
BOXES = [
    [[0, 22.3, 25.2, 21.4, 9.9, 30.0], [1, 20.7, 27.1, 7.2, 5.3, 100.0], [1, 90.6, 85.3, 48.7, 31.9, 77.0], [0, 6.2, 93.4, 5.1, 2.8, 0.0]],
    [[1, 61.3, 60.6, 75.9, 43.2, 140.0], [0, 90.7, 18.4, 20.3, 8.6, 171.0], [0, 91.3, 18.2, 19.1, 8.4, 9.0], [0, 51.2, 51.7, 6.1, 6.0, 45.0]],
]


def polygon(x, y, along, across, degrees):
    return translate(rotate(box(-along, -across, along, across), degrees, origin=(0, 0)), x, y)


def overlaps():
    u = formula.uniform("oriented", 160 * 10).reshape(160, 10)
    rows = []
    for i, n in enumerate(u):
        first = [0, 0, 2 + 20 * n[0], 1 + 10 * n[1], 360 * n[2]]
        second = [30 * (n[3] - 0.5), 30 * (n[4] - 0.5), 2 + 20 * n[5], 1 + 10 * n[6], 360 * n[7]]
        if i % 8 == 0:
            second[4] = first[4] + 90 * (i // 8 % 4)
        if i % 50 == 0:
            second = first
        # Far from the origin, as pixels of a national grid are.
        at = [math.floor(1e6 * n[8]), math.floor(1e6 * n[9])] if i % 2 else [0, 0]
        a, b = polygon(*first), polygon(*second)
        area = a.intersection(b).area
        placed = [[x + at[0], y + at[1], *rest] for x, y, *rest in (first, second)]
        rows.append([*placed[0], *placed[1], area / (a.area + b.area - area)])
    write(ROOT / "crates/arpent-raster/tests/oriented-iou.json", {"pairs": rows})


def places():
    for stride in STRIDES:
        for i in range((SIDE // stride) ** 2):
            side = SIDE // stride
            yield stride, (i % side * stride + stride // 2, i // side * stride + stride // 2)


def answer(boxes, stride, place):
    """The number of the box that a place answers for, or None."""
    low = 0.0 if stride == STRIDES[0] else SIZES[0]
    high = math.inf if stride == STRIDES[-1] else SIZES[1]
    best = None
    for i, (_, x, y, along, across, degrees) in enumerate(boxes):
        shape = polygon(x, y, along, across, degrees)
        ring = list(shape.exterior.coords)
        distances = [LineString(ring[k : k + 2]).distance(Point(place)) for k in range(4)]
        turn = math.radians(degrees)
        dx, dy = place[0] - x, place[1] - y
        local = (dx * math.cos(turn) + dy * math.sin(turn), dy * math.cos(turn) - dx * math.sin(turn))
        near = max(abs(v) for v in local) < AROUND * stride
        # Inside, the line that a side lies on is as far away as the side.
        if shape.contains(Point(place)) and near and low <= max(distances) / stride < high:
            if best is None or shape.area < best[0]:
                best = (shape.area, i)
    return None if best is None else best[1]


def covariance(along, across, turn):
    c, s = torch.cos(turn), torch.sin(turn)
    rotation = torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)
    return rotation @ torch.diag_embed(torch.stack([along, across], -1) ** 2 / 3) @ rotation.transpose(-1, -2)


def hellinger(a, first, b, second):
    mean = (first + second) / 2
    apart = (a - b).unsqueeze(-1)
    square = (apart.transpose(-1, -2) @ torch.linalg.inv(mean) @ apart)[..., 0, 0]
    logs = torch.logdet(mean) - (torch.logdet(first) + torch.logdet(second)) / 2
    return torch.sqrt(1 - torch.exp(-(square / 8 + logs / 2)))


def main():
    overlaps()
    matched = []
    for chip, boxes in enumerate(BOXES):
        found = [answer(boxes, *at) for at in places()]
        matched.append([[at, i] for at, i in enumerate(found) if i is not None])
    maps = []
    for stride in STRIDES:
        side = SIDE // stride
        u = formula.uniform(f"oriented {stride}", 2 * VALUES * side * side)
        maps.append(torch.from_numpy((4 * u - 2).astype(np.float32).reshape(2, VALUES, side, side)).double().requires_grad_())
    flat = torch.cat([m.flatten(2) for m in maps], 2)
    losses, gaussians = [], []
    at_place = list(places())
    for chip, answers in enumerate(matched):
        for at, i in answers:
            stride, place = at_place[at]
            x, y, size, p, q = flat[chip, CLASSES + 1 :, at]
            d, turn = torch.hypot(p, q), torch.atan2(q, p) / 2
            found = covariance(torch.exp(size + d / 2), torch.exp(size - d / 2), turn)
            _, bx, by, along, across, degrees = (torch.tensor(v, dtype=torch.float64) for v in BOXES[chip][i])
            right = covariance(along / stride, across / stride, torch.deg2rad(degrees))
            center = torch.stack([(bx - place[0]) / stride, (by - place[1]) / stride])
            losses.append(hellinger(torch.stack([x, y]), found, center, right))
            gaussians.append([chip, at, *numbers(center), number(right[0, 0]), number(right[1, 1]), number(right[0, 1])])
    loss = torch.stack(losses).mean()
    loss.backward()
    gradient = torch.cat([m.grad.flatten() for m in maps])
    picked = sorted({*gradient.abs().topk(160).indices.tolist(), *range(0, len(gradient), 211)})
    content = {
        "side": SIDE,
        "classes": CLASSES,
        "strides": STRIDES,
        "maps": "float32 of 4u - 2, u of the key `oriented STRIDE` at the flat index of [2, classes + 6, rows, columns]",
        "boxes": [{"chip": i, "boxes": boxes} for i, boxes in enumerate(BOXES)],
        "matched": [{"chip": i, "answers": answers} for i, answers in enumerate(matched)],
        "gaussians": gaussians,
        "value": number(loss.detach()),
        "gradient": [[i, number(gradient[i])] for i in picked],
    }
    write(LOSSES / "oriented-losses.json", content)


if __name__ == "__main__":
    main()
