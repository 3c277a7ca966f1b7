"""Scores of labels, as crates/arpent-metrics defines them."""

import math

import numpy as np


def confusion(truth, predicted, classes):
    """Counts [truth, predicted] of what has a known truth."""
    known = truth < classes
    pairs = truth[known].astype(np.int64) * classes + predicted[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def ratios(above, below):
    """One per class; None where there is nothing to divide by."""
    return [float(a / b) if b else None for a, b in zip(above, below)]


def mean(values):
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def scores(counts, names, unit="pixels"):
    """All scores of a confusion matrix: means over the classes that are there, and scores of each class."""
    hits, truth, found = counts.diagonal(), counts.sum(1), counts.sum(0)
    iou, f1 = ratios(hits, truth + found - hits), ratios(2 * hits, truth + found)
    recall = ratios(hits, truth)
    total = int(counts.sum())
    return {
        "miou": mean(iou),
        "mean_f1": mean(f1),
        "oa": float(hits.sum() / total) if total else None,
        "balanced_accuracy": mean(recall),
        "iou": dict(zip(names, iou)),
        "f1": dict(zip(names, f1)),
        "precision": dict(zip(names, ratios(hits, found))),
        "recall": dict(zip(names, recall)),
        unit: total,
    }


def average_precision(score, is_positive):
    """Mean of the precisions at every threshold, weighted by what each adds to the recall; equal scores count together
    (`Ranking` of arpent-metrics, and average_precision_score of scikit-learn). None without a positive."""
    score, is_positive = np.asarray(score), np.asarray(is_positive, bool)
    if not is_positive.any():
        return None
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(is_positive[order])
    last = np.append(np.diff(score[order]) != 0, True)
    hits, taken = hits[last], np.flatnonzero(last) + 1
    return float((np.diff(hits, prepend=0) * hits / taken).sum() / is_positive.sum())


def near(mask, tolerance):
    """Whether each pixel has a pixel of the mask within the tolerance, between centers: dilation by a disk."""
    reach, (height, width) = math.floor(tolerance), mask.shape
    padded, found = np.pad(mask, reach), np.zeros_like(mask)
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            if math.hypot(x, y) <= tolerance:
                found |= padded[reach + y : reach + y + height, reach + x : reach + x + width]
    return found


def tolerance_counts(truth, predicted, classes, tolerance):
    """True, found, predicted and right pixels of each class but the first, [classes - 1, 4] (`ToleranceScore` of
    arpent-metrics): a predicted pixel is right when a true one is near, a true one found when a predicted one is."""
    known = truth < classes
    rows = []
    for label in range(1, classes):
        true, said = (truth == label) & known, (predicted == label) & known
        right, found = said & near(true, tolerance), true & near(said, tolerance)
        rows.append([a.sum() for a in (true, found, said, right)])
    return np.array(rows, np.int64).reshape(-1, 4)


def tolerance_scores(counts, names):
    """Precision, recall and F1 of each class but the first."""
    each = {}
    for name, (true, found, said, right) in zip(names[1:], counts):
        precision, recall = (right / said if said else None), (found / true if true else None)
        if precision is None and recall is None:
            f1 = None
        elif precision is None or recall is None or precision + recall == 0:
            f1 = 0.0
        else:
            f1 = 2 * precision * recall / (precision + recall)
        values = {"precision": precision, "recall": recall, "f1": f1}
        each[name] = {k: v if v is None else float(v) for k, v in values.items()}
    return each
