"""Common parts of the tasks with labels of pixels and of pictures."""

import numpy as np
import torch

import same_numbers
import terms


class Labels:
    """Chips with a label for every pixel, and their loss."""

    def __init__(self, description, train):
        self.description, self.names = description, description["classes"]
        self.outputs = len(self.names)
        self.crops = same_numbers.crops(train, self.outputs, description)
        self.terms = loss(description.get("loss", {}), self.crops)

    def loss(self, logits, truths):
        labels = np.stack([labels for labels, _ in truths]).astype(np.int64)
        return self.terms(logits, torch.from_numpy(labels).to(logits.device))


def loss(settings, crops):
    weights = settings.get("class_weights")
    if weights == "balanced":
        weights = crops.balanced_weights()
    if weights is not None:
        weights = torch.tensor(np.asarray(weights), dtype=torch.float32)
    return terms.total(
        settings.get("terms", [{"kind": "cross-entropy"}]), weights, settings.get("label_smoothing", 0.0)
    )
