"""Scores of ours beside those of the PyTorch peers, as a table (Markdown).

    python benches/peers/compare.py FOLDER

FOLDER holds, for each task, `<task>-arpent.json` (what `arpent-train evaluate` prints) and, with a peer,
`<task>-pytorch.json` (a report of train_*.py; several seeds as `<task>-pytorch-2.json`, ...). Differences are in points
(hundredths), ours minus the mean of the peers; an interval is ours (95 %, bootstrap over groups, or items where groups are few).
"""

import json
import sys
from pathlib import Path

# Name of the measure in our scores, what the peers call it, and what a reader calls it.
MEASURES = [
    ("mean_iou", "miou", "mean IoU"),
    ("mean_f1", "mean_f1", "mean F1"),
    ("overall_accuracy", "oa", "overall accuracy"),
    ("balanced_accuracy", "balanced_accuracy", "balanced accuracy"),
    ("average_precision_50", "ap50_area", "AP50"),
]


def rows(task, ours, peers):
    for name, theirs, label in MEASURES:
        if ours["scores"].get(name) is not None:
            interval = ours.get("intervals", {}).get(name)
            if interval is None and name == "average_precision_50":
                interval = ours.get("interval")
            yield label, ours["scores"][name], interval, [p.get(theirs) for p in peers]
    for position, found in enumerate(ours.get("classes", [])):
        for measure in ("iou", "f1"):
            if found.get(measure) is None:
                continue
            values = [list(p[measure].values())[position] for p in peers if measure in p]
            yield f"{measure} of {found['name']}", found[measure], found.get(f"{measure}_interval"), values
    names = [found["name"] for found in ours.get("classes", [])]
    for thin in (ours.get("thin") or {}).get("classes", []):
        position = names.index(thin["name"])
        values = [t["f1"] for p in peers for n, t in p.get("tolerance", {}).items() if index(p, n) == position]
        yield f"F1 of {thin['name']}, {thin['tolerance_px']:g} px", thin["f1"], thin.get("f1_interval"), values


def index(peer, name):
    return peer["description"]["classes"].index(name)


def said(value):
    return "-" if value is None else f"{value:.3f}"


def main():
    folder = Path(sys.argv[1])
    print("| task | measure | ours | 95 % interval | PyTorch | difference, points |\n|---|---|---|---|---|---|")
    for path in sorted(folder.glob("*-arpent.json")):
        task = path.name.removesuffix("-arpent.json")
        ours = json.loads(path.read_text())
        peers = [json.loads(p.read_text()) for p in sorted(folder.glob(f"{task}-pytorch*.json"))]
        peers = [p.get("evaluated", p) | {"description": p["description"]} for p in peers]
        for label, value, interval, values in rows(task, ours, peers):
            values = [v for v in values if v is not None]
            mean = sum(values) / len(values) if values else None
            spread = f" ({', '.join(said(v) for v in values)})" if len(values) > 1 else ""
            between = f"{interval['low']:.3f} to {interval['high']:.3f}" if interval else "-"
            apart = f"{100 * (value - mean):+.1f}" if mean is not None else "-"
            print(f"| {task} | {label} | {said(value)} | {between} | {said(mean)}{spread} | {apart} |")


if __name__ == "__main__":
    main()
