"""The PyTorch peer of `arpent-train fit` for detection: the same network, data, budget and scores.

    python benches/peers/train_detection.py DESCRIPTION.json --data FOLDER [--output REPORT.json] [--seed N]

Writes a JSON report: average precision at an overlap of 0.5 as the area under the curve (ours, which says what epoch is
kept) and as COCO takes it (that also over 0.5 to 0.95), on whole pictures of the validation split, in all and per group. README.md says what a description holds.
"""

import math

import numpy as np
import torch

import fit
import objects
import same_numbers


class Detection:
    """Boxes by heat map and size."""

    score = "ap50_area"

    def __init__(self, description, train):
        self.names = description["classes"]
        self.outputs = len(self.names) + 2
        self.crops = same_numbers.crops(train, len(self.names), description)
        self.settings = description["detection"]
        self.terms = description.get("loss", {}).get(
            "terms", [{"kind": "heat"}, {"kind": "size", "weight": 0.1}]
        )

    @torch.no_grad()
    def begin(self, network):
        """Few places (0.1) are centers, boxes are 16 px wide and high: the network's initial prediction (`doubt` in job.rs)."""
        network.head.bias[: len(self.names)] = -math.log(9)
        network.head.bias[len(self.names) :] = math.log(16)

    def loss(self, scores, truths):
        boxes, known = zip(*truths)
        truth = objects.truth(boxes, np.stack(known), len(self.names))
        return sum(t.get("weight", 1.0) * self.term(t, scores, truth) for t in self.terms)

    def term(self, term, scores, truth):
        if term["kind"] == "heat":
            return objects.heat_loss(scores, truth, term.get("gamma", 2.0))
        if term["kind"] == "size":
            return objects.size_loss(scores, truth)
        raise SystemExit(f"no loss `{term['kind']}`: expected heat or size")

    def evaluate(self, scores_of, items):
        groups = {}
        for item in items:
            found = objects.peaks(scores_of(item.values), self.settings["threshold"], self.settings["iou"])
            groups.setdefault(item.group, []).append((item.truth, found))
        each = {group: objects.scores(pictures, self.names) for group, pictures in sorted(groups.items())}
        every = [picture for pictures in groups.values() for picture in pictures]
        return {**objects.scores(every, self.names), "groups": each}


if __name__ == "__main__":
    fit.main(__doc__, Detection)
