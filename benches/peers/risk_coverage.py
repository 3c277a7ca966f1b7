"""Risk and coverage as fd-shifts computes them: writes crates/arpent-metrics/tests/risk-coverage.json.

fd-shifts (IML-DKFZ, not on PyPI) is used where it can be imported (fd_shifts.analysis.rc_stats.RiskCoverageStats, NumPy below
2). Else the definitions of Traub et al. 2024 (arXiv 2407.01032) are written out here in NumPy, one mask per threshold.
Run: python benches/peers/risk_coverage.py crates/arpent-metrics/tests/risk-coverage.json
"""

import json
import sys

import numpy as np

try:
    from fd_shifts.analysis.rc_stats import RiskCoverageStats
except ImportError:
    RiskCoverageStats = None


def curve(confidences, wrong):
    """Points from the lowest threshold upward: what remains at and above it."""
    thresholds = np.unique(confidences)
    kept = [confidences >= t for t in thresholds]
    coverages = np.array([k.mean() for k in kept])
    selective = np.array([wrong[k].mean() for k in kept])
    generalized = np.array([(wrong * k).mean() for k in kept])
    return thresholds, coverages, selective, generalized


def areas(confidences, wrong, coverages, selective, generalized):
    """AUGRC ends at no risk, AURC at the risk of the highest confidence."""
    if RiskCoverageStats is not None:
        stats = RiskCoverageStats(confidences, wrong.astype(int))
        return stats.augrc / 1000, stats.aurc / 1000
    ends = np.append(coverages, 0)
    return -np.trapezoid(np.append(generalized, 0), ends), -np.trapezoid(np.append(selective, selective[-1]), ends)


def working_points(selective):
    """A point is worked at only if no larger coverage has as little risk."""
    return np.array([risk < selective[:i].min(initial=np.inf) for i, risk in enumerate(selective)])


def case(name, confidences, wrong):
    confidences, wrong = np.asarray(confidences, float), np.asarray(wrong, float)
    thresholds, coverages, selective, generalized = curve(confidences, wrong)
    augrc, aurc = areas(confidences, wrong, coverages, selective, generalized)
    works = working_points(selective)
    at_coverage, at_risk = [], []
    for wanted in (0.2, 0.5, 0.8, 0.95):
        fits = np.flatnonzero(works & (coverages >= wanted))
        best = fits[np.argmin(selective[fits])]
        at_coverage.append({"coverage": wanted, "risk": selective[best], "found_coverage": coverages[best]})
    for wanted in (0.0, 0.03, 0.1, 0.25, 0.9):
        fits = np.flatnonzero(works & (selective <= wanted))
        best = fits[np.argmax(coverages[fits])] if len(fits) else None
        at_risk.append({"risk": wanted, "coverage": None if best is None else coverages[best],
                        "threshold": None if best is None else thresholds[best]})
    return {"name": name, "confidences": confidences.tolist(), "wrong": wrong.tolist(), "augrc": augrc, "aurc": aurc,
            "thresholds": thresholds.tolist(), "coverages": coverages.tolist(), "selective_risks": selective.tolist(),
            "generalized_risks": generalized.tolist(), "at_coverage": at_coverage, "at_risk": at_risk}


def drawn(seed, count, steps):
    """Answers that are as often right as their confidence says; steps: distinct confidences, 0 for no ties."""
    random = np.random.default_rng(seed)
    confidences = random.beta(4, 1, count)
    wrong = random.random(count) > confidences
    return (np.round(confidences * steps) / steps if steps else confidences), wrong


cases = [case(f"seed {seed}", *drawn(seed, count, steps)) for seed, (count, steps) in enumerate([(60, 0), (200, 250), (150, 10), (40, 2)])]
cases += [case("one answer", [0.7], [0]), case("all of one confidence", [0.5] * 8, [0, 1] * 4), case("all wrong", [0.2, 0.4, 0.4], [1] * 3),
          case("all right", [0.2, 0.4, 0.4], [0] * 3), case("the certain ones are wrong", [0.9, 0.8, 0.3, 0.2], [1, 1, 0, 0])]
made_by = "the formulas of arXiv 2407.01032 in NumPy" if RiskCoverageStats is None else "fd-shifts"
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump({"made_by": made_by, "cases": cases}, file)
    file.write("\n")
