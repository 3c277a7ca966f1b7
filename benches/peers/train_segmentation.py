"""The PyTorch peer of `arpent-train fit` for segmentation and change: the same network, data, budget and scores.

    python benches/peers/train_segmentation.py DESCRIPTION.json --data FOLDER [--output REPORT.json] [--seed N]

Writes a JSON report: mean IoU, mean F1, overall and balanced accuracy, IoU, F1, precision and recall per class on whole
pictures of the validation split, the same per group, and how long the training took (validation not counted). With
`evaluate.tolerance_px` also precision, recall and F1 of thin classes; with `evaluate_data` all scores on another set,
under `evaluated`. README.md says what a description holds.
"""

import fit
import labels
import scores


class Segmentation(labels.Labels):
    """Labels of every pixel."""

    score = "miou"

    def evaluate(self, scores_of, items):
        """Scores over all pictures, and by group."""
        tolerance = self.description.get("evaluate", {}).get("tolerance_px")
        groups = {}
        for item in items:
            found = scores_of(item.values).argmax(0)
            counts = [scores.confusion(item.truth, found, self.outputs)]
            if tolerance is not None:
                counts.append(scores.tolerance_counts(item.truth, found, self.outputs, tolerance))
            before = groups.get(item.group)
            groups[item.group] = [a + b for a, b in zip(before, counts)] if before else counts
        each = {group: self.told(counts) for group, counts in sorted(groups.items())}
        return {**self.told([sum(parts) for parts in zip(*groups.values())]), "groups": each}

    def told(self, counts):
        told = scores.scores(counts[0], self.names)
        if len(counts) > 1:
            told["tolerance"] = scores.tolerance_scores(counts[1], self.names)
        return told


if __name__ == "__main__":
    fit.main(__doc__, Segmentation)
