"""Compares our scores with those of the PyTorch peers, as a table (Markdown).

    python benches/peers/compare.py FOLDER

FOLDER holds, for each task, `<task>-arpent.json` (what `arpent-train evaluate` prints) and, with a peer,
`<task>-pytorch.json` (a report of train_*.py); other seeds of either are `<task>-arpent-2.json`, `<task>-pytorch-2.json`,
... Of several seeds the table tells the mean, the least and the most, and how many they are. Differences are in points
(hundredths), our mean minus theirs; an interval is of our first seed (95 %, bootstrap over groups, or items where groups
are few).
"""

import json
import sys
from pathlib import Path

# Name of the measure in our scores, in the peers' scores, and in the table.
MEASURES = [
    ("mean_iou", "miou", "mean IoU"),
    ("mean_f1", "mean_f1", "mean F1"),
    ("overall_accuracy", "oa", "overall accuracy"),
    ("balanced_accuracy", "balanced_accuracy", "balanced accuracy"),
    ("average_precision_50", "ap50_area", "AP50"),
]


def ours(record):
    """Value and interval of every measure, by its name in the table."""
    found = {}
    for name, _, label in MEASURES:
        interval = record.get("intervals", {}).get(name)
        if interval is None and name == "average_precision_50":
            interval = record.get("interval")
        found[label] = record["scores"].get(name), interval
    for one in record.get("classes", []):
        for measure in ("iou", "f1"):
            found[f"{measure} of {one['name']}"] = one.get(measure), one.get(f"{measure}_interval")
    for thin in (record.get("thin") or {}).get("classes", []):
        label = f"F1 of {thin['name']}, {thin['tolerance_px']:g} px"
        found[label] = thin["f1"], thin.get("f1_interval")
    return found


def theirs(report, record):
    """Value of every measure of a peer; its classes are those of our record, whatever their names."""
    scores = report.get("evaluated", report)
    found = {label: scores.get(name) for _, name, label in MEASURES}
    names = dict(zip(report["description"]["classes"], (one["name"] for one in record.get("classes", []))))
    for measure in ("iou", "f1"):
        found |= {f"{measure} of {names[name]}": value for name, value in scores.get(measure, {}).items()}
    tolerance = report["description"].get("evaluate", {}).get("tolerance_px", 0)
    for name, near in scores.get("tolerance", {}).items():
        found[f"F1 of {names[name]}, {tolerance:g} px"] = near["f1"]
    return found


def seeds(folder, task, side):
    """All records of a side, the first seed's first."""
    paths = [*folder.glob(f"{task}-{side}.json"), *sorted(folder.glob(f"{task}-{side}-[0-9]*.json"))]
    return [json.loads(path.read_text()) for path in paths]


def mean(values):
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def said(values):
    known = [v for v in values if v is not None]
    if len(values) < 2 or not known:
        return f"{known[0]:.3f}" if known else "-"
    count = f"{len(known)} of {len(values)}" if len(known) < len(values) else len(known)
    return f"{mean(known):.3f} ({min(known):.3f} to {max(known):.3f}, {count} seeds)"


def main():
    folder = Path(sys.argv[1])
    print(
        "| task | measure | ours | 95 % interval | PyTorch | difference, points |\n|---|---|---|---|---|---|"
    )
    for path in sorted(folder.glob("*-arpent.json")):
        task = path.name.removesuffix("-arpent.json")
        records, reports = (seeds(folder, task, side) for side in ("arpent", "pytorch"))
        own, peers = [ours(r) for r in records], [theirs(r, records[0]) for r in reports]
        for label in own[0]:
            values, others = [found[label][0] for found in own], [found.get(label) for found in peers]
            if mean(values) is None:
                continue
            interval = own[0][label][1]
            between = f"{interval['low']:.3f} to {interval['high']:.3f}" if interval else "-"
            apart = f"{100 * (mean(values) - mean(others)):+.1f}" if mean(others) is not None else "-"
            print(f"| {task} | {label} | {said(values)} | {between} | {said(others)} | {apart} |")


if __name__ == "__main__":
    main()
