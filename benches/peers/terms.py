"""Losses of segmentation. Logits [n, classes, height, width], labels [n, height, width], IGNORE where unknown."""

import torch
from torch.nn import functional as F

IGNORE = 255


def cross_entropy(logits, labels, weights=None, smoothing=0.0):
    """Cross-entropy; the mean over known pixels, each counted by its class's weight."""
    return F.cross_entropy(logits, labels, weight=weights, ignore_index=IGNORE, label_smoothing=smoothing)


def focal(logits, labels, weights=None, gamma=2.0):
    """Sum of w_t (1 - p_t)^gamma (-log p_t) over known pixels, by the sum of w_t (Lin et al., Focal loss, 2017)."""
    known = labels != IGNORE
    log_p = F.log_softmax(logits, 1).gather(1, labels.where(known, 0)[:, None])[:, 0][known]
    w = torch.ones_like(log_p) if weights is None else weights[labels[known]]
    return (w * (1 - log_p.exp()) ** gamma * -log_p).sum() / w.sum()


def dice(logits, labels):
    """1 - 2 sum(p t) / (sum p + sum t) over the known pixels of the batch, the mean over the classes that it holds
    (Milletari et al., V-Net, 2016)."""
    known = labels != IGNORE
    p = logits.softmax(1).movedim(1, -1)[known]
    t = F.one_hot(labels[known], logits.shape[1]).to(p.dtype)
    losses = 1 - 2 * (p * t).sum(0) / (p.sum(0) + t.sum(0)).clamp_min(1e-7)
    return losses[t.sum(0) > 0].mean()


def total(terms, weights, smoothing):
    """The loss of a description: a function of logits and labels."""

    def one(term, logits, labels):
        kind = term["kind"]
        if kind == "cross-entropy":
            return cross_entropy(logits, labels, weights, smoothing)
        if kind == "focal":
            return focal(logits, labels, weights, term.get("gamma", 2.0))
        if kind == "dice":
            return dice(logits, labels)
        raise SystemExit(f"no loss `{kind}`: expected cross-entropy, focal or dice")

    def summed(logits, labels):
        nonlocal weights
        weights = weights if weights is None else weights.to(logits.device)
        return sum(t.get("weight", 1.0) * one(t, logits, labels) for t in terms)

    return summed
