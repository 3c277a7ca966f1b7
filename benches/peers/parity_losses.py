"""Losses and their gradients on a small case, in float64."""

import numpy as np
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F

import formula
from fixture import LOSSES, number, numbers, versions, write

SHAPE = (2, 5, 6, 7)
IGNORE = 255
WEIGHTS = [1.0, 0.5, 2.0, 1.5, 3.0]
SMOOTHING = 0.1
GAMMA = 2.0
NAMES = """N pixels with a known label t, C classes, s logits, p = softmax(s) over classes, q = sigmoid(s), w class weights."""


def cases():
    """(name, formula, loss of logits and labels)."""
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)

    def cross_entropy(s, t, weight=None, smoothing=0.0):
        return F.cross_entropy(s, t, weight=weight, ignore_index=IGNORE, label_smoothing=smoothing)

    def focal(s, t, weight):
        known = t != IGNORE
        log_p = F.log_softmax(s, 1).gather(1, t.where(known, 0)[:, None])[:, 0][known]
        w = weight[t[known]]
        return (w * (1 - log_p.exp()) ** GAMMA * -log_p).sum() / w.sum()

    def sigmoid_focal(s, t):
        return smp.losses.FocalLoss("multiclass", gamma=GAMMA, ignore_index=IGNORE)(s, t)

    def dice(s, t, smooth=0.0):
        return smp.losses.DiceLoss("multiclass", smooth=smooth, ignore_index=IGNORE)(s, t)

    def total(s, t):
        return cross_entropy(s, t, weights) + focal(s, t, weights) + dice(s, t)

    dice_formula = (
        "mean over all C classes of 1 - (2 I_c + smooth) / max(P_c + T_c + smooth, 1e-7), I_c = sum over known pixels "
        "of p_c [t = c], P_c = sum of p_c, T_c = number of [t = c]; sums over the whole batch; a class without a true "
        "pixel (T_c = 0) adds 0 and still counts in C"
    )
    return [
        ("cross_entropy", "sum -log p_t / N", cross_entropy),
        ("cross_entropy_weighted", "sum w_t (-log p_t) / sum w_t", lambda s, t: cross_entropy(s, t, weights)),
        (
            "cross_entropy_smoothed",
            "sum [(1 - a) (-log p_t) + a/C sum_c -log p_c] / N, a = 0.1",
            lambda s, t: cross_entropy(s, t, None, SMOOTHING),
        ),
        (
            "cross_entropy_weighted_smoothed",
            "sum [(1 - a) w_t (-log p_t) + a/C sum_c w_c (-log p_c)] / sum w_t, a = 0.1",
            lambda s, t: cross_entropy(s, t, weights, SMOOTHING),
        ),
        ("focal", "sum (1 - p_t)^2 (-log p_t) / N", lambda s, t: focal(s, t, torch.ones_like(weights))),
        ("focal_weighted", "sum w_t (1 - p_t)^2 (-log p_t) / sum w_t", lambda s, t: focal(s, t, weights)),
        (
            "focal_sigmoid",
            "smp.losses.FocalLoss: one class against the rest; mean over classes and known pixels of (1 - r)^2 (-log r), "
            "r = q_c where t = c and 1 - q_c elsewhere",
            sigmoid_focal,
        ),
        ("dice", "smp.losses.DiceLoss, smooth = 0: " + dice_formula, dice),
        ("dice_smooth", "smp.losses.DiceLoss, smooth = 1: " + dice_formula, lambda s, t: dice(s, t, 1.0)),
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
