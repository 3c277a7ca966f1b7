"""Reference values of change evidence: IR-MAD, its relative normalization and change vectors, in NumPy and SciPy.

    python benches/peers/ir_mad.py FIRST.tif SECOND.tif LABELS.png --unchanged N --changed N > REFERENCE.json

Written from the papers (Nielsen 2007; Canty, Nielsen and Schmidt 2004; Malila 1980; Otsu 1979), not from our code: covariances of
the whole image in memory, the generalized eigenproblem by scipy.linalg.eigh. `crates/arpent-change/tests/parity/ir-mad-taizhou.json`
is its output for the Landsat pair of Taizhou.
"""

import argparse
import json

import numpy as np
import rasterio
import scipy.linalg
from PIL import Image
from scipy.stats import chi2, rankdata

TOLERANCE, MOST, WIDTH, BINS = 1e-3, 50, 1 / 64, 4096


def ir_mad(x, y):
    bands, weights, former = len(x), np.ones(x.shape[1]), np.zeros(len(x))
    for iteration in range(1, MOST + 1):
        means = [np.average(v, axis=1, weights=weights)[:, None] for v in (x, y)]
        joint = np.cov(np.vstack([x, y]), aweights=weights, bias=True)
        s11, s12, s22 = joint[:bands, :bands], joint[:bands, bands:], joint[bands:, bands:]
        squares, a = scipy.linalg.eigh(s12 @ np.linalg.solve(s22, s12.T), s11)
        rho, a = np.sqrt(squares[::-1]), a[:, ::-1]
        b = np.linalg.solve(s22, s12.T @ a) / rho
        mads = a.T @ (x - means[0]) - b.T @ (y - means[1])
        statistic = (mads**2 / (2 * (1 - rho))[:, None]).sum(0)
        total, weights = weights.sum(), chi2.sf(statistic, bands)
        change, former = np.abs(rho - former).max(), rho
        if change < TOLERANCE:
            break
    return iteration, change, rho, total, means, joint, statistic, weights


def otsu(score):
    counts = np.bincount(np.minimum((score / WIDTH).astype(int), BINS - 1), minlength=BINS).astype(float)
    centers = (np.arange(BINS) + 0.5) * WIDTH
    below, above = counts.cumsum(), counts.sum() - counts.cumsum()
    with np.errstate(invalid="ignore", divide="ignore"):
        first = (counts * centers).cumsum() / below
        second = ((counts * centers).sum() - (counts * centers).cumsum()) / above
        between = np.nan_to_num(below * above * (first - second) ** 2)
    return (between.argmax() + 1) * WIDTH


def clipped(values):
    mean, deviation = values.mean(), values.std()
    kept = values[np.abs(values - mean) <= 3 * deviation]
    return kept.mean(), kept.std()


def judged(score, truth, known, threshold=None):
    threshold = otsu(score) if threshold is None else threshold
    found, ranks = score[known] > threshold, rankdata(score[known])
    positive = truth.sum()
    auc = (ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * (len(truth) - positive))
    f1 = 2 * (truth & found).sum() / (positive + found.sum())
    return {"threshold": threshold, "f1": f1, "auc": auc}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("first", "second", "labels"):
        parser.add_argument(name)
    for name in ("--unchanged", "--changed"):
        parser.add_argument(name, type=int, required=True)
    given = parser.parse_args()
    images = []
    for path in (given.first, given.second):
        with rasterio.open(path) as file:
            images.append(file.read().astype(np.float64).reshape(file.count, -1))
    x, y = images
    labels = np.asarray(Image.open(given.labels)).ravel()
    known = np.isin(labels, [given.unchanged, given.changed])
    truth = labels[known] == given.changed

    iterations, change, rho, total, means, joint, statistic, no_change = ir_mad(x, y)
    bands = len(x)
    xx, yy, xy = joint.diagonal()[:bands], joint.diagonal()[bands:], joint[:bands, bands:].diagonal()
    slope = ((yy - xx) + np.sqrt((yy - xx) ** 2 + 4 * xy**2)) / (2 * xy)
    intercept = means[1].ravel() - slope * means[0].ravel()
    deviation = np.sqrt(yy / slope**2 - 2 * xy / slope + xx)
    related = np.sqrt(((((y - intercept[:, None]) / slope[:, None] - x) / deviation[:, None]) ** 2).sum(0))
    scales = np.array([clipped(v) for v in (*x, *y)])
    standard = (np.vstack([x, y]) - scales[:, :1]) / scales[:, 1:]
    standardized = np.sqrt(((standard[bands:] - standard[:bands]) ** 2).sum(0))
    chosen = np.linspace(0, x.shape[1] - 1, 25).astype(int)
    scored = {"ir_mad": np.sqrt(statistic), "standardized": standardized, "related": related}
    report = {
        "iterations": iterations,
        "last_change": change,
        "correlations": rho.tolist(),
        "weight": total,
        "means": np.vstack(means).ravel().tolist(),
        "slopes": slope.tolist(),
        "intercepts": intercept.tolist(),
        "deviations": deviation.tolist(),
        "scales": scales.tolist(),
        "pixels": chosen.tolist(),
        "statistics": statistic[chosen].tolist(),
        "no_change": no_change[chosen].tolist(),
        "lengths": {name: score[chosen].tolist() for name, score in scored.items()},
        "judged": {name: judged(score, truth, known) for name, score in scored.items()},
        "ir_mad_below": {
            str(p): judged(np.sqrt(statistic), truth, known, np.sqrt(chi2.isf(p, bands)))["f1"]
            for p in (0.01, 1e-4, 1e-6, 1e-9)
        },
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
