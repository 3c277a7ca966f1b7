"""Detection as our networks do it: a heat map per class, then planes of log width and log height, at full size."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F
from torchvision.ops import batched_nms, box_iou

# How much of a box's sides its center's Gaussian covers (Liu et al., TTFNet, 2019).
COVERED = 0.54
LARGEST_BOX_PX = 4096.0
# Of a class's average precision: 0.5, 0.55, ..., 0.95.
OVERLAPS = np.linspace(0.5, 0.95, 10)


@dataclass
class Truth:
    """heat [n, classes, side, side]; known, shares [n, 1, side, side]; sizes [n, 2, side, side].

    The shares of an object's pixels add up to 1, less where smaller objects lie on it.
    """

    heat: torch.Tensor
    known: torch.Tensor
    shares: torch.Tensor
    sizes: torch.Tensor
    objects: int


def bell(low, high, side):
    """The Gaussian of one side of a box around the pixel of its center, 0 beyond its reach; and the box's length."""
    center, length = min(int(max((low + high) / 2, 0)), side - 1), max(high - low, 1.0)
    reach = math.floor(COVERED * length / 2)
    away, sigma = np.arange(side) - center, (2 * reach + 1) / 6
    return np.exp(-(away**2) / (2 * sigma**2)) * (abs(away) <= reach), length


def truth(boxes, known, classes, dtype=torch.float32):
    """Truth of chips: `boxes` a list of [n, 5] arrays, `known` bool [n, side, side]."""
    n, side, _ = known.shape
    heat = np.zeros((n, classes, side, side))
    shares, sizes = np.zeros((n, 1, side, side)), np.zeros((n, 2, side, side))
    for i, of in enumerate(boxes):
        drawn = [(int(label), bell(x0, x1, side), bell(y0, y1, side)) for label, x0, y0, x1, y1 in of]
        # The smallest last: it overwrites the others.
        for label, (across, width), (down, height) in sorted(drawn, key=lambda d: -d[1][1] * d[2][1]):
            bump = down[:, None] * across
            heat[i, label] = np.maximum(heat[i, label], bump)
            shares[i, 0] = np.where(bump > 0, bump / bump.sum(), shares[i, 0])
            for plane, length in zip(sizes[i], (width, height)):
                plane[bump > 0] = math.log(length)
    planes = [torch.from_numpy(a).to(dtype) for a in (heat, known[:, None], shares, sizes)]
    return Truth(*planes, sum(len(of) for of in boxes))


def heat_loss(scores, truth, gamma=2.0):
    """Quality focal loss (Li et al., Generalized focal loss, 2020), by the sum of heat; unknown pixels are ignored."""
    scores, heat = scores[:, :-2], truth.heat
    crossed = heat * F.logsigmoid(scores) + (1 - heat) * F.logsigmoid(-scores)
    loss = (heat - scores.sigmoid()).abs() ** gamma * crossed * truth.known
    return -loss.sum() / (heat * truth.known).sum().clamp(min=1)


def size_loss(scores, truth):
    """L1 distance of log width and log height, by the pixels' shares, by the number of objects."""
    return ((scores[:, -2:] - truth.sizes).abs() * truth.shares).sum() / max(truth.objects, 1)


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
