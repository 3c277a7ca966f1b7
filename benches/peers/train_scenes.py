"""The PyTorch peer of `arpent-train fit` for scene classification: the same network, data, budget and scores.

    python benches/peers/train_scenes.py DESCRIPTION.json --data FOLDER [--output REPORT.json] [--seed N]

Writes a JSON report: balanced and overall accuracy, recall per class (and the other scores of a confusion matrix) over
pictures of the validation split, each counted once, the same per group, and average precision of the last class.
README.md says what a description holds.
"""

import numpy as np
import torch

import fit
import labels
import scores


class Scenes(labels.Labels):
    """Pictures of one class each, trained as if all their pixels had it."""

    score = "balanced_accuracy"

    def evaluate(self, scores_of, items):
        """A picture is of the class with the highest mean over its pixels of the classes' probabilities."""
        shares = np.stack([self.shares(scores_of(item.values)) for item in items])
        truth = np.array([item.counts.argmax() for item in items])
        group = np.array([item.group for item in items])
        found = shares.argmax(1)

        def measured(of):
            counts = scores.confusion(truth[of], found[of], self.outputs)
            result = scores.scores(counts, self.names, "pictures")
            last = self.outputs - 1
            result["average_precision"] = {
                self.names[last]: scores.average_precision(shares[of, last], truth[of] == last)
            }
            return result

        each = {str(name): measured(group == name) for name in np.unique(group)}
        return {**measured(np.full(len(items), True)), "groups": each}

    def shares(self, logits):
        return torch.from_numpy(logits).softmax(0).mean((1, 2), dtype=torch.float64).numpy()


if __name__ == "__main__":
    fit.main(__doc__, Scenes)
