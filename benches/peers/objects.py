"""Detection as our networks do it: a heat map per class, then planes of log width and log height, at full size."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F
from torchvision.ops import batched_nms, box_iou

LEAST_OVERLAP = 0.7
LARGEST_BOX_PX = 4096.0
# Of a class's average precision: 0.5, 0.55, ..., 0.95.
OVERLAPS = np.linspace(0.5, 0.95, 10)


def radius(width, height):
    """How far both corners of a box may move, pixels, before its overlap with the unmoved box may fall below 0.7.

    Law, Deng, CornerNet, 2018; the roots taken right (their code divides by 2 where it should by 2a).
    """
    total, area, o = width + height, width * height, LEAST_OVERLAP
    shifted = (total - math.sqrt(total**2 - 4 * area * (1 - o) / (1 + o))) / 2
    inside = (2 * total - math.sqrt(4 * total**2 - 16 * (1 - o) * area)) / 8
    outside = (-2 * o * total + math.sqrt(4 * o**2 * total**2 + 16 * o * (1 - o) * area)) / (8 * o)
    return min(shifted, inside, outside)


@dataclass
class Truth:
    """heat, peaks [n, classes, side, side]; known, centers [n, 1, side, side]; sizes [n, 2, side, side]."""

    heat: torch.Tensor
    peaks: torch.Tensor
    known: torch.Tensor
    centers: torch.Tensor
    sizes: torch.Tensor
    objects: int


def truth(boxes, known, classes, dtype=torch.float32):
    """Truth of chips: `boxes` a list of [n, 5] arrays, `known` bool [n, side, side]."""
    n, side, _ = known.shape
    heat, peaks = np.zeros((2, n, classes, side, side))
    centers, sizes = np.zeros((n, 1, side, side)), np.zeros((n, 2, side, side))
    rows, columns = np.mgrid[:side, :side]
    for i, of in enumerate(boxes):
        for label, x0, y0, x1, y1 in of:
            x, y = (min(int(max((a + b) / 2, 0)), side - 1) for a, b in ((x0, x1), (y0, y1)))
            width, height = max(x1 - x0, 1.0), max(y1 - y0, 1.0)
            reach = math.floor(max(radius(width, height), 0))
            sigma = (2 * reach + 1) / 6
            near = (abs(rows - y) <= reach) & (abs(columns - x) <= reach)
            bump = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2)) * near
            heat[i, int(label)] = np.maximum(heat[i, int(label)], bump)
            peaks[i, int(label), y, x] = 1
            centers[i, 0, y, x] = 1
            sizes[i, :, y, x] = math.log(width), math.log(height)
    planes = [torch.from_numpy(a).to(dtype) for a in (heat, peaks, known[:, None], centers, sizes)]
    return Truth(*planes, sum(len(of) for of in boxes))


def heat_loss(scores, truth, gamma=2.0):
    """Penalty-reduced focal loss (CornerNet, 2018), by the number of objects; unknown pixels say nothing."""
    scores = scores[:, :-2]
    hit, miss = F.logsigmoid(scores), F.logsigmoid(-scores)
    at_centers = truth.peaks * miss.exp() ** gamma * hit
    elsewhere = (1 - truth.peaks) * truth.known * (1 - truth.heat) ** 4 * hit.exp() ** gamma * miss
    return -(at_centers + elsewhere).sum() / max(truth.objects, 1)


def size_loss(scores, truth):
    """L1 distance of log width and log height at the centers, by the number of objects."""
    return ((scores[:, -2:] - truth.sizes).abs() * truth.centers).sum() / max(truth.objects, 1)


def peaks(scores, threshold, overlap):
    """Boxes of a picture's scores [classes + 2, height, width]: rows class, score, sides; the best first.

    Local maxima of 3 x 3 pixels whose score reaches the threshold; of boxes of a class that overlap by more than
    `overlap`, the best stays.
    """
    scores = torch.from_numpy(scores)
    heat = scores[:-2]
    top = F.max_pool2d(heat[None], 3, 1, 1)[0]
    label, row, column = torch.nonzero((heat == top) & (heat.sigmoid() >= threshold), as_tuple=True)
    half = scores[-2:, row, column].double().exp().clamp(max=LARGEST_BOX_PX).T / 2
    center = torch.stack([column, row], 1) + 0.5
    sides = torch.cat([center - half, center + half], 1)
    score = heat[label, row, column].sigmoid().double()
    kept = batched_nms(sides, score, label, overlap)
    return torch.cat([label[:, None], score[:, None], sides], 1)[kept].numpy()


def matches(boxes, found, label):
    """Scores of a class's boxes, best first, and whether each is right at every overlap: COCO's greedy matching."""
    truths, found = boxes[boxes[:, 0] == label, 1:], found[found[:, 0] == label]
    found = found[np.argsort(-found[:, 1], kind="stable")]
    right = np.zeros((len(OVERLAPS), len(found)), bool)
    if len(truths) and len(found):
        overlaps = box_iou(torch.from_numpy(found[:, 2:]), torch.from_numpy(truths)).numpy()
        for row, least in zip(right, OVERLAPS):
            free = np.ones(len(truths), bool)
            for i in np.flatnonzero(overlaps.max(1) >= least):
                best = np.argmax(np.where(free, overlaps[i], -1))
                row[i] = free[best] and overlaps[i, best] >= least
                free[best] &= not row[i]
    return found[:, 1], right, len(truths)


def average_precisions(pictures, label):
    """COCO's mean of the precisions at 101 recalls, at every overlap; and at the first the area under the curve.

    `pictures`: pairs of truth [n, 5] and peaks [m, 6].
    """
    score, right, truths = zip(*(matches(boxes, found, label) for boxes, found in pictures))
    if sum(truths) == 0:
        return None
    order = np.argsort(-np.concatenate(score), kind="stable")
    coco, area = [], []
    for row in np.concatenate(right, 1)[:, order]:
        hits = np.cumsum(row)
        recall, precision = hits / sum(truths), hits / np.arange(1, len(hits) + 1)
        precision = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
        coco.append(precision[np.searchsorted(recall, np.linspace(0, 1, 101), side="left")].mean())
        area.append((np.diff(recall, prepend=0.0) * precision[:-1]).sum())
    return {"ap50_area": float(area[0]), "ap50": float(coco[0]), "ap": float(np.mean(coco))}


def scores(pictures, names):
    """Means over the classes that have objects, and those of each class."""
    table = {name: average_precisions(pictures, i) for i, name in enumerate(names)}
    known = [row for row in table.values() if row]
    means = {
        key: float(np.mean([row[key] for row in known])) if known else None
        for key in ("ap50_area", "ap50", "ap")
    }
    return {
        **means,
        "classes": table,
        "objects": int(sum(len(boxes) for boxes, _ in pictures)),
        "found": int(sum(len(found) for _, found in pictures)),
    }
