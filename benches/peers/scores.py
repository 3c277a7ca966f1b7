"""Scores of a confusion matrix [truth, predicted]: as crates/arpent-metrics defines them."""

import numpy as np


def confusion(truth, predicted, classes):
    """Counts of pixels with a known truth."""
    known = truth < classes
    pairs = truth[known].astype(np.int64) * classes + predicted[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def ious(counts):
    """One per class; None where the class is in neither truth nor prediction."""
    hits = counts.diagonal()
    union = counts.sum(0) + counts.sum(1) - hits
    return [float(h / u) if u else None for h, u in zip(hits, union)]


def scores(counts, names):
    """Mean IoU over the classes that are in truth or prediction, IoU per class, overall accuracy."""
    each = ious(counts)
    known = [v for v in each if v is not None]
    pixels = int(counts.sum())
    return {
        "miou": sum(known) / len(known) if known else None,
        "oa": float(counts.trace() / pixels) if pixels else None,
        "iou": dict(zip(names, each)),
        "pixels": pixels,
    }
