"""Agreement between reviewers as the Python packages compute it: writes crates/arpent-review/tests/agreement.json.

krippendorff.alpha (nominal, missing values), and Cohen's kappa by its definition in NumPy.
Run: python benches/peers/agreement.py crates/arpent-review/tests/agreement.json
"""

import json
import sys

import krippendorff
import numpy as np


def ratings(seed, raters, units, classes, missing, noise):
    """A list of verdicts for each rater; None where a rater has not seen the unit."""
    random = np.random.default_rng(seed)
    truth = random.choice(classes, size=units, p=random.dirichlet(np.ones(classes)))
    table = np.tile(truth, (raters, 1))
    wrong = random.random((raters, units)) < noise
    table[wrong] = random.integers(0, classes, wrong.sum())
    unseen = random.random((raters, units)) < missing
    return [[None if hidden else int(value) for value, hidden in zip(*rows)] for rows in zip(table, unseen)]


def alpha(table):
    values = [[np.nan if value is None else value for value in row] for row in table]
    return krippendorff.alpha(reliability_data=np.array(values, dtype=float), level_of_measurement="nominal")


def kappa(first, second):
    pairs = [(a, b) for a, b in zip(first, second) if a is not None and b is not None]
    counts = np.zeros((8, 8))
    for a, b in pairs:
        counts[a, b] += 1
    shares = counts / len(pairs)
    expected = float(shares.sum(axis=1) @ shares.sum(axis=0))
    return (float(np.trace(shares)) - expected) / (1 - expected)


# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", table C: 4 observers, 12 units, 0.743 nominal.
PUBLISHED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
CASES = [(seed, raters, units, classes, missing, noise) for seed, (raters, units, classes, missing, noise) in
         enumerate([(2, 40, 2, 0.0, 0.1), (3, 60, 5, 0.2, 0.3), (5, 30, 4, 0.5, 0.2), (4, 200, 6, 0.7, 0.5), (2, 25, 3, 0.3, 0.9)])]
tables = [PUBLISHED] + [ratings(*case) for case in CASES]
found = [{"ratings": table, "alpha": alpha(table), "kappa": kappa(table[0], table[1])} for table in tables]
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump({"made_by": f"krippendorff {krippendorff.__version__ if hasattr(krippendorff, '__version__') else '0.9.0'}", "cases": found}, file)
    file.write("\n")
