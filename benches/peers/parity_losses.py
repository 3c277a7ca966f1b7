"""Losses and their gradients on a small case, in float64."""

import numpy as np
import segmentation_models_pytorch as smp
import torch

import formula
import objects
from fixture import LOSSES, number, numbers, versions, write
from terms import IGNORE, cross_entropy, dice, focal

SHAPE = (2, 5, 6, 7)
WEIGHTS = [1.0, 0.5, 2.0, 1.5, 3.0]
SMOOTHING = 0.1
GAMMA = 2.0
NAMES = "N pixels with a known label t, C classes, s logits, p = softmax(s), q = sigmoid(s), w class weights"


def cases():
    """(name, formula, loss of logits and labels)."""
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)

    def sigmoid_focal(s, t):
        return smp.losses.FocalLoss("multiclass", gamma=GAMMA, ignore_index=IGNORE)(s, t)

    def smp_dice(s, t, smooth=0.0):
        return smp.losses.DiceLoss("multiclass", smooth=smooth, ignore_index=IGNORE)(s, t)

    def total(s, t):
        return cross_entropy(s, t, weights) + focal(s, t, weights) + smp_dice(s, t)

    dice_formula = (
        "mean over all C classes of 1 - (2 I_c + smooth) / max(P_c + T_c + smooth, 1e-7), I_c = sum over known "
        "pixels of p_c [t = c], P_c = sum of p_c, T_c = number of [t = c]; sums over the whole batch; "
        "a class without a true pixel (T_c = 0) adds 0 and still counts in C"
    )
    return [
        ("cross_entropy", "sum -log p_t / N", cross_entropy),
        ("cross_entropy_weighted", "sum w_t (-log p_t) / sum w_t", lambda s, t: cross_entropy(s, t, weights)),
        (
            "cross_entropy_smoothed",
            "sum [(1 - a) (-log p_t) + a/C sum_c -log p_c] / N, a = 0.1",
            lambda s, t: cross_entropy(s, t, smoothing=SMOOTHING),
        ),
        (
            "cross_entropy_weighted_smoothed",
            "sum [(1 - a) w_t (-log p_t) + a/C sum_c w_c (-log p_c)] / sum w_t, a = 0.1",
            lambda s, t: cross_entropy(s, t, weights, SMOOTHING),
        ),
        ("focal", "sum (1 - p_t)^2 (-log p_t) / N", focal),
        ("focal_weighted", "sum w_t (1 - p_t)^2 (-log p_t) / sum w_t", lambda s, t: focal(s, t, weights)),
        (
            "focal_sigmoid",
            "smp.losses.FocalLoss: one class against the rest; mean over classes and known pixels of "
            "(1 - r)^2 (-log r), r = q_c where t = c and 1 - q_c elsewhere",
            sigmoid_focal,
        ),
        ("dice", "smp.losses.DiceLoss, smooth = 0: " + dice_formula, smp_dice),
        ("dice_smooth", "smp.losses.DiceLoss, smooth = 1: " + dice_formula, lambda s, t: smp_dice(s, t, 1.0)),
        (
            "dice_present",
            "as dice, but the mean over the classes with a true pixel (T_c > 0) only",
            dice,
        ),
        ("sum", "cross_entropy_weighted + focal_weighted + dice", total),
    ]


def labels():
    """Labels [2, 6, 7], a fifth of them unknown, by the formula of the key "labels"."""
    n, classes, height, width = SHAPE
    u = formula.uniform("labels", n * height * width)
    known = np.minimum(u * 1.25 * classes, classes - 1).astype(np.int64)
    return torch.from_numpy(np.where(u < 0.8, known, IGNORE).reshape(n, height, width))


def main():
    u = formula.uniform("logits", int(np.prod(SHAPE)))
    logits = torch.from_numpy((6 * u - 3).astype(np.float32).reshape(SHAPE)).double()
    full = labels()
    maps = {"labels": full, "labels_without_4": torch.where(full == 4, IGNORE, full)}
    rows = []
    for which, target in maps.items():
        for name, text, loss in cases():
            if which == "labels_without_4" and not name.startswith("dice"):
                continue
            s = logits.clone().requires_grad_()
            value = loss(s, target)
            value.backward()
            row = {"name": name, "labels": which, "formula": text, "value": number(value.detach())}
            rows.append({**row, "gradient": numbers(s.grad)})
    content = {
        "versions": versions(),
        "names": NAMES,
        "shape": list(SHAPE),
        "ignore": IGNORE,
        "class_weights": WEIGHTS,
        "logits": numbers(logits),
        **{name: target.flatten().tolist() for name, target in maps.items()},
        "cases": rows,
    }
    write(LOSSES / "losses.json", content)
    detection()


def detection():
    """Heat map and size losses: two classes, two chips of 24 pixels, of which the second is unknown on the right."""
    side, classes = 24, 2
    boxes = [
        [[0, 3.0, 4.0, 15.0, 10.0], [1, 10.5, 9.0, 22.0, 23.0], [0, 8.2, 5.5, 13.2, 12.5]],
        [[1, -4.0, 1.0, 9.0, 6.0], [1, 12.0, 15.0, 12.6, 17.0], [0, -8.0, -6.0, 28.0, 27.0]],
    ]
    known = np.ones((2, side, side), bool)
    known[1, :, 20:] = False
    truth = objects.truth([np.array(b) for b in boxes], known, classes, torch.float64)
    u = formula.uniform("scores", 2 * (classes + 2) * side * side)
    scores = torch.from_numpy((6 * u - 3).astype(np.float32).reshape(2, classes + 2, side, side)).double()
    cases = {
        "heat": objects.heat_loss,
        "size": objects.size_loss,
        "sum": lambda s, t: objects.heat_loss(s, t) + 0.1 * objects.size_loss(s, t),
    }
    rows = []
    for name, loss in cases.items():
        s = scores.clone().requires_grad_()
        value = loss(s, truth)
        value.backward()
        flat = s.grad.flatten()
        # The whole gradient is large: its strongest entries, and every 37th.
        picked = sorted({*flat.abs().topk(60).indices.tolist(), *range(0, len(flat), 37)})
        gradient = [[i, number(flat[i])] for i in picked if name != "size" or flat[i] != 0]
        rows.append({"name": name, "value": number(value.detach()), "gradient": gradient})
    hot = [[int(i), number(truth.heat.flatten()[i])] for i in torch.nonzero(truth.heat.flatten())[:, 0]]
    shared = [[int(i), number(truth.shares.flatten()[i])] for i in torch.nonzero(truth.shares.flatten())[:, 0]]
    content = {
        "versions": versions(),
        "shape": [2, classes + 2, side, side],
        "scores": "float32 of 6u - 3, u of the key `scores` at the flat index",
        "first_scores": numbers(scores.flatten()[:5]),
        "boxes": [{"chip": i, "boxes": of} for i, of in enumerate(boxes)],
        "unknown": "chip 1, columns 20 to 23",
        "formula_heat": (
            "-sum known |heat - q|^2 [heat log q + (1 - heat) log(1 - q)] / max(sum known heat, 1), q = sigmoid; heat: the "
            "highest of exp(-dx^2 / (2 sx^2) - dy^2 / (2 sy^2)) within |dx| <= rx, |dy| <= ry of the center's pixel, "
            "rx = floor(0.54 width / 2), sx = (2 rx + 1) / 6, likewise y; sides at least 1 px"
        ),
        "formula_size": (
            "sum share (|log width - w| + |log height - h|), by objects; share: the object's Gaussian by its sum, "
            "of the smallest object where several lie"
        ),
        "formula_sum": "heat + 0.1 size",
        "heat": hot,
        "shares": shared,
        "cases": rows,
    }
    write(LOSSES / "detection-losses.json", content)
