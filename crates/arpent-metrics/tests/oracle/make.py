"""Writes cases.json: small cases, with the results of other software.

    python -m venv venv
    venv/bin/pip install numpy scipy scikit-learn pycocotools
    venv/bin/python make.py

The cases are drawn from fixed seeds. The versions of the oracles are recorded in the file. Where no package offers a
measure (SeK, the area under the steps, the bootstrap over groups), its formula is written out here in numpy, on top of
what a package does offer, and the case says so under "oracle".
"""

import contextlib
import io
import json
import math
import pathlib
import warnings

import numpy as np
import pycocotools
import scipy
import sklearn
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.ndimage import distance_transform_edt
from sklearn import metrics
from sklearn.calibration import calibration_curve

warnings.simplefilter("ignore")


def plain(value):
    """Converts values for JSON; undefined values become null."""
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return None if math.isnan(value) else float(value)
    return value


# Label rasters


def labels(rng, classes, pixels, noise, absent=()):
    """Truth, and a prediction that is right in all but a share of the pixels."""
    present = [c for c in range(classes) if c not in absent]
    truth = rng.choice(present, pixels)
    guess = rng.integers(0, classes, pixels)
    return truth, np.where(rng.random(pixels) < noise, guess, truth)


def confusion_case(name, truth, predicted, classes, ignore):
    known = np.ones(len(truth), bool) if ignore is None else (truth != ignore) & (predicted != ignore)
    t, p = truth[known], predicted[known]
    every = list(range(classes))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(t, p, labels=every, zero_division=np.nan)
    seen = [c for c in every if (t == c).any() or (p == c).any()]
    iou = dict(zip(seen, metrics.jaccard_score(t, p, labels=seen, average=None)))
    one = len(seen) == 1
    return {
        "name": name,
        "oracle": "sklearn",
        "classes": classes,
        "ignore": ignore,
        "truth": truth,
        "predicted": predicted,
        "counts": metrics.confusion_matrix(t, p, labels=every).ravel(),
        "overall_accuracy": metrics.accuracy_score(t, p),
        "balanced_accuracy": metrics.balanced_accuracy_score(t, p),
        "kappa": math.nan if one else metrics.cohen_kappa_score(t, p),
        "mean_iou": metrics.jaccard_score(t, p, labels=seen, average="macro"),
        "frequency_weighted_iou": metrics.jaccard_score(t, p, labels=seen, average="weighted"),
        "mean_f1": metrics.f1_score(t, p, labels=seen, average="macro"),
        "iou": [iou.get(c, math.nan) for c in every],
        "precision": precision,
        "recall": recall,
        "f1": [f1[c] if c in seen else math.nan for c in every],
    }


def confusion_cases():
    rng = np.random.default_rng(1)
    few = labels(rng, 2, 60, 0.4)
    absent = labels(rng, 6, 150, 0.3, absent=(2, 5))
    never = tuple(np.where(a == 1, 0, a) for a in labels(rng, 4, 80, 0.5, absent=(1,)))
    ignored = [np.where(rng.random(150) < 0.1, 255, a) for a in labels(rng, 5, 150, 0.6)]
    same = labels(rng, 3, 40, 0.0)
    alone = (np.full(20, 2), np.full(20, 2))
    return [
        confusion_case("two classes", *few, 2, None),
        confusion_case("two classes of six not in the truth", *absent, 6, None),
        confusion_case("a class in neither", *never, 4, None),
        confusion_case("values to ignore", *ignored, 5, 255),
        confusion_case("perfect", *same, 3, None),
        confusion_case("one class only", *alone, 3, None),
    ]


# Two dates


def change_case(name, truth, predicted, classes):
    t, p = truth > 0, predicted > 0
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(t, p, average="binary")
    unchanged, changed = metrics.jaccard_score(t, p, labels=[False, True], average=None)
    rest = ~((truth == 0) & (predicted == 0))
    kappa = metrics.cohen_kappa_score(truth[rest], predicted[rest])
    sek = kappa * math.exp(changed) / math.e
    right = np.sum(t & (truth == predicted))
    semantic = scipy.stats.hmean([right / p.sum(), right / t.sum()])
    return {
        "name": name,
        "oracle": "sklearn for the parts; SeK and score by the formulas of Yang et al. 2021",
        "classes": classes,
        "truth": truth,
        "predicted": predicted,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "unchanged_iou": unchanged,
        "changed_iou": changed,
        "mean_iou": (unchanged + changed) / 2,
        "separated_kappa": kappa,
        "sek": sek,
        "score": 0.3 * (unchanged + changed) / 2 + 0.7 * sek,
        "semantic_f1": semantic,
    }


def change_cases():
    rng = np.random.default_rng(2)

    def rare(classes, noise):
        truth = np.where(rng.random(200) < 0.6, 0, rng.integers(1, classes, 200))
        return truth, np.where(rng.random(200) < noise, rng.integers(0, classes, 200), truth)

    return [change_case("binary", *rare(2, 0.3), 2), change_case("seven classes, as SECOND", *rare(7, 0.35), 7)]


# Calibration


def calibration_case(name, rng, classes, count, bins, grain):
    """Scores are multiples of 1 / grain, so that they are the same numbers in single and double precision."""
    scores = rng.multinomial(grain, rng.dirichlet(np.full(classes, 0.6), count)) / grain
    truth = np.array([rng.choice(classes, p=0.7 * s + 0.3 / classes) for s in scores])
    confidence, right = scores.max(1), scores.argmax(1) == truth
    accuracy, mean_confidence = calibration_curve(right, confidence, n_bins=bins, strategy="uniform")
    edges = np.linspace(0, 1, bins + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=bins)
    gaps = np.abs(accuracy - mean_confidence)
    return {
        "name": name,
        "oracle": "sklearn; expected and maximum calibration error from its calibration_curve",
        "classes": classes,
        "bins": bins,
        "scores": scores,
        "truth": truth,
        "counts": counts,
        "accuracy": accuracy,
        "confidence": mean_confidence,
        "expected_calibration_error": np.sum(gaps * counts[counts > 0]) / count,
        "maximum_calibration_error": gaps.max(),
        "brier": metrics.brier_score_loss(truth, scores, labels=range(classes), scale_by_half=False),
        "top_label_brier": metrics.brier_score_loss(right, confidence),
        "negative_log_likelihood": metrics.log_loss(truth, scores, labels=range(classes)),
    }


def calibration_cases():
    rng = np.random.default_rng(3)
    return [
        calibration_case("five classes", rng, 5, 60, 15, 64),
        calibration_case("confidences on the edges of the bins", rng, 3, 60, 16, 16),
        calibration_case("some true classes have the score 0", rng, 4, 60, 10, 8),
    ]


# Ranked candidates at another prevalence


def ranking_case(name, rng, positives, negatives, grain):
    truth = np.repeat([1, 0], [positives, negatives])
    scores = np.round((rng.normal(truth * 1.5, 1.0) + 4) * grain) / grain
    order = rng.permutation(len(truth))
    truth, scores = truth[order], scores[order]
    fpr, tpr, thresholds = metrics.roc_curve(truth, scores, drop_intermediate=False)
    at = []
    for prevalence in (0.5, 0.05, 0.001):
        weights = np.where(truth == 1, prevalence / positives, (1 - prevalence) / negatives)
        threshold = np.median(scores)
        flagged = prevalence * tpr + (1 - prevalence) * fpr
        budgets = [50, 200, 3000, 9999]
        recalls = [np.interp(k / 10_000, flagged, tpr) for k in budgets]
        at.append({
            "prevalence": prevalence,
            "average_precision": metrics.average_precision_score(truth, scores, sample_weight=weights),
            "threshold": threshold,
            "precision": metrics.precision_score(truth, scores >= threshold, sample_weight=weights),
            "items": 10_000,
            "budgets": budgets,
            "recall_at_budget": recalls,
            "precision_at_budget": [min(1.0, r * prevalence * 10_000 / k) for r, k in zip(recalls, budgets)],
        })
    return {
        "name": name,
        "oracle": "sklearn with sample weights; budgets by numpy.interp along its roc_curve",
        "scores": scores,
        "truth": truth,
        "area": metrics.roc_auc_score(truth, scores),
        "thresholds": thresholds[1:],
        "sensitivity": tpr[1:],
        "false_positive_rate": fpr[1:],
        "at": at,
    }


def ranking_cases():
    rng = np.random.default_rng(4)
    return [ranking_case("balanced", rng, 40, 40, 1024), ranking_case("many ties", rng, 30, 70, 4)]


# Thin objects


def line(rng, shape, pixels):
    """A random walk."""
    mask = np.zeros(shape, bool)
    row, col = rng.integers(0, shape[0]), rng.integers(0, shape[1])
    for _ in range(pixels):
        mask[row, col] = True
        row = np.clip(row + rng.integers(-1, 2), 0, shape[0] - 1)
        col = np.clip(col + rng.integers(-1, 2), 0, shape[1] - 1)
    return mask


def tolerance_case(name, truth, predicted, valid, tolerances):
    t, p = truth & valid, predicted & valid

    def near(mask, tolerance):
        return distance_transform_edt(~mask) <= tolerance if mask.any() else np.zeros_like(mask)

    at = []
    for tolerance in tolerances:
        precision = (p & near(t, tolerance)).sum() / p.sum() if p.any() else math.nan
        recall = (t & near(p, tolerance)).sum() / t.sum() if t.any() else math.nan
        if t.any() and p.any():
            f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        else:
            f1 = 0.0 if t.any() or p.any() else math.nan
        at.append({"tolerance_px": tolerance, "precision": precision, "recall": recall, "f1": f1})
    rows = lambda mask: ["".join("#" if v else "." for v in row) for row in mask]
    return {
        "name": name,
        "oracle": "scipy.ndimage.distance_transform_edt",
        "truth": rows(truth),
        "predicted": rows(predicted),
        "valid": rows(valid),
        "at": at,
    }


def tolerance_cases():
    rng = np.random.default_rng(5)
    shape = (24, 32)
    everywhere, nothing = np.ones(shape, bool), np.zeros(shape, bool)
    radii = [0.0, 1.0, math.sqrt(2), 2.0, 2.5, math.sqrt(13), 5.0]
    draw = lambda pixels: line(rng, shape, pixels)
    moved = lambda mask, by: np.roll(mask, by, (0, 1)) & (rng.random(shape) < 0.8) | (rng.random(shape) < 0.02)
    first, second, third = draw(90), draw(150), draw(150)
    return [
        tolerance_case("a line that moved", first, moved(first, (1, 2)), everywhere, radii),
        tolerance_case("a line and specks", second, rng.random(shape) < 0.04, everywhere, radii),
        tolerance_case("a mask", third, moved(third, (-2, 1)), rng.random(shape) < 0.7, radii),
        tolerance_case("nothing predicted", draw(30), nothing, everywhere, [2.0]),
        tolerance_case("nothing at all", nothing, nothing, everywhere, [2.0]),
    ]


# Boxes


def pictures(rng, count, classes, grain):
    """Boxes in pictures: [class, west, north, east, south] and the same with a score after the class."""
    result = []
    for picture in range(count):
        truths, found = [], []
        for _ in range(rng.integers(0, 7)):
            box = np.concatenate([rng.uniform(0, 60, 2), np.zeros(2)])
            box[2:] = box[:2] + rng.uniform(6, 30, 2)
            truths.append([int(rng.integers(0, classes)), *box])
        for label, *box in truths:
            for _ in range(rng.integers(0, 3)):
                moved = np.array(box) + rng.normal(0, 1.3, 4)
                right = label if rng.random() < 0.85 else int(rng.integers(0, classes + 1))
                found.append([right, *moved])
        for _ in range(rng.integers(0, 4)):
            corner = rng.uniform(0, 60, 2)
            found.append([int(rng.integers(0, classes + 1)), *corner, *(corner + rng.uniform(5, 25, 2))])
        found = [[b[0], np.round(rng.random() * grain) / grain, *b[1:]] for b in found]
        fine = lambda boxes: [[v if i < len(b) - 4 else round(v * 64) / 64 for i, v in enumerate(b)] for b in boxes]
        result.append({"truths": fine(truths), "found": fine(found)})
    return result


def coco(pictures, classes, most):
    """pycocotools' evaluation of the boxes."""
    sides = lambda w, n, e, s: [w, n, e - w, s - n]
    truths = [(i, b) for i, picture in enumerate(pictures) for b in picture["truths"]]
    found = [(i, b) for i, picture in enumerate(pictures) for b in picture["found"]]
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(len(pictures))],
        "categories": [{"id": c} for c in range(classes)],
        "annotations": [
            {"id": n, "image_id": i, "category_id": b[0], "bbox": sides(*b[1:]), "iscrowd": 0,
             "area": sides(*b[1:])[2] * sides(*b[1:])[3]}
            for n, (i, b) in enumerate(truths, start=1)
        ],
    }
    truth.createIndex()
    results = [
        {"image_id": i, "category_id": b[0], "score": b[1], "bbox": sides(*b[2:])} for i, b in found
    ]
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.params.maxDets = [1, 2, most]
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def outcomes(evaluation, threshold, classes):
    """Scores, whether right, and number of true boxes, from the matches of pycocotools."""
    count = len(evaluation.params.imgIds)
    mine = [e for c in classes for e in evaluation.evalImgs[c * count:(c + 1) * count] if e]
    join = lambda parts: np.concatenate([np.zeros(0), *parts])
    scores = join([e["dtScores"] for e in mine])
    right = join([e["dtMatches"][threshold] > 0 for e in mine])
    order = np.argsort(-scores, kind="mergesort")
    return right[order], sum(len(e["gtIds"]) for e in mine)


def area(right, truths):
    """Area under the steps of precision over recall, as VOC takes it since 2010."""
    if truths == 0:
        return math.nan
    recall = np.concatenate([[0], np.cumsum(right) / truths, [1]])
    precision = np.concatenate([[0], np.cumsum(right) / np.arange(1, len(right) + 1), [0]])
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return np.sum(np.diff(recall) * precision[1:])


def rivals():
    """A box that overlaps two true boxes equally; which it takes decides what is left for the next one."""
    west, east, between = [0, 0, 10, 10], [2, 0, 12, 10], [1, 0, 11, 10]
    scene = lambda first, second, left: {
        "truths": [[0, *first], [0, *second]],
        "found": [[0, 0.5, *left], [0, 0.75, *between]],
    }
    return [scene(west, east, west), scene(east, west, west), scene(west, east, east)]


def twenty():
    """Twenty true boxes, the first seven found at once, the others after a false one each: recalls on the grid of
    COCO, where rounding decides (7 / 20 is below 35 * 0.01)."""
    boxes = [[20 * i, 0, 20 * i + 10, 10] for i in range(20)]
    false = [[v + 1000 for v in box] for box in boxes]
    order = boxes[:7] + [box for pair in zip(false[7:], boxes[7:]) for box in pair]
    return [{
        "truths": [[0, *box] for box in boxes],
        "found": [[0, 1 - i / 64, *box] for i, box in enumerate(order)],
    }]


def detection_case(name, scenes, classes, most):
    every = range(classes + 1)  # the last one is found but never there
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = coco(scenes, len(every), most)
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # threshold, recall, class
    coco101 = np.where(precision[:, 0] < 0, np.nan, precision.mean(1))
    steps = [[area(*outcomes(evaluation, t, [c])) for c in every] for t in range(10)]
    best = []
    for threshold in (0, 5):
        for chosen in ([0], list(every)):
            right, truths = outcomes(evaluation, threshold, chosen)
            best += [
                {"threshold": threshold, "class": chosen[0] if len(chosen) == 1 else None, "k": k,
                 "precision": right[:k].mean(), "recall": right[:k].sum() / truths}
                for k in (1, 5, 12, 500)
            ]
    return {
        "name": name,
        "oracle": "pycocotools; area under the steps and precision at k in numpy, from its matches",
        "classes": len(every),
        "max_per_picture": most,
        "pictures": scenes,
        "iou_thresholds": evaluation.params.iouThrs,
        "coco101": coco101,
        "mean_coco101": np.nanmean(coco101),
        "area": steps,
        "mean_area": np.nanmean(steps),
        "best": best,
    }


def detection_cases():
    rng = np.random.default_rng(6)
    return [
        detection_case("three classes", pictures(rng, 14, 3, 2**20), 3, 100),
        detection_case("many scores are equal", pictures(rng, 10, 2, 6), 2, 100),
        detection_case("two boxes of a class count in a picture", pictures(rng, 10, 1, 2**20), 1, 2),
        detection_case("equal overlaps", rivals(), 1, 100),
        detection_case("recalls on the grid", twenty(), 1, 100),
    ]


# Intervals over groups


def splitmix64(seed):
    """Steele, Lea, Flood 2014."""
    mask = (1 << 64) - 1
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        yield z ^ (z >> 31)


def bootstrap_cases():
    rng = np.random.default_rng(7)
    groups = rng.integers(0, 90, (9, 2, 2)) * rng.integers(1, 6, (9, 1, 1))
    f1 = lambda m: 2 * m[1, 1] / (m[1].sum() + m[:, 1].sum())
    draws = splitmix64(20260101)
    values = [f1(groups[[next(draws) * 9 >> 64 for _ in range(9)]].sum(0)) for _ in range(400)]
    low, high = np.quantile(values, [0.05, 0.95])
    return [{
        "name": "nine groups",
        "oracle": "numpy.quantile over resamples drawn with the same generator, written out in Python",
        "groups": groups.reshape(9, 4),
        "seed": 20260101,
        "resamples": 400,
        "level": 0.9,
        "estimate": f1(groups.sum(0)),
        "low": low,
        "high": high,
    }]


def main():
    version = pathlib.Path(pycocotools.__file__).parent.parent.glob("pycocotools-*.dist-info")
    cases = {
        "versions": {
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
            "pycocotools": next(version).name.split("-")[1].removesuffix(".dist"),
        },
        "confusion": confusion_cases(),
        "change": change_cases(),
        "calibration": calibration_cases(),
        "ranking": ranking_cases(),
        "tolerance": tolerance_cases(),
        "detection": detection_cases(),
        "bootstrap": bootstrap_cases(),
    }
    dump = lambda value: json.dumps(plain(value), separators=(",", ":"))
    lines = [f'"{kind}":[\n' + ",\n".join(map(dump, cases[kind])) + "\n]" for kind in cases if kind != "versions"]
    text = "{\n" + ",\n".join([f'"versions":{dump(cases["versions"])}', *lines]) + "\n}\n"
    pathlib.Path(__file__).with_name("cases.json").write_text(text)


if __name__ == "__main__":
    main()
