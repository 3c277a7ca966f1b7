"""The PyTorch peer of `arpent-train fit` for segmentation: the same network, data, budget and scores.

    python benches/peers/train_segmentation.py DESCRIPTION.json --data FOLDER [--weights OUT.safetensors] [--seed N]

Prints a JSON report: mean IoU, IoU per class and overall accuracy on whole pictures of the validation split, the
same per group, and how long the training took (validation not counted). README.md says what a description holds.
"""

import numpy as np
import torch

import chips
import fit
import scores
import terms


class Segmentation:
    """Labels of every pixel."""

    score = "miou"

    def __init__(self, description, items):
        self.names = description["classes"]
        self.outputs = len(self.names)
        train = [i for i in items if i.split == "train"]
        self.val = [i for i in items if i.split == "val"]
        self.crops = chips.Crops(train, self.outputs, description)
        self.terms = loss(description.get("loss", {}), self.crops)

    def loss(self, logits, truths):
        return self.terms(
            logits, torch.from_numpy(np.stack([labels for labels, _ in truths]).astype(np.int64))
        )

    def evaluate(self, scores_of):
        """Scores over all pictures, and by group."""
        groups = {}
        for item in self.val:
            found = scores_of(item.values).argmax(0)
            counts = scores.confusion(item.truth, found, self.outputs)
            groups[item.group] = groups.get(item.group, 0) + counts
        each = {group: scores.scores(counts, self.names) for group, counts in sorted(groups.items())}
        return {**scores.scores(sum(groups.values()), self.names), "groups": each}


def loss(settings, crops):
    weights = settings.get("class_weights")
    if weights == "balanced":
        weights = crops.balanced_weights()
    if weights is not None:
        weights = torch.tensor(np.asarray(weights), dtype=torch.float32)
    return terms.total(
        settings.get("terms", [{"kind": "cross-entropy"}]), weights, settings.get("label_smoothing", 0.0)
    )


def prepare(description, root):
    items = chips.read_items(description["data"], root, description["classes"])
    return Segmentation(description, items), items, chips.statistics([i for i in items if i.split == "train"])


if __name__ == "__main__":
    fit.main(__doc__, prepare)
