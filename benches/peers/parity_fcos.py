"""Targets and losses of a detector without anchors, as torchvision's FCOS computes them: training/tests/parity/fcos-losses.json."""

from types import SimpleNamespace

import numpy as np
import torch
from torchvision.models.detection import FCOS
from torchvision.models.detection.fcos import FCOSHead

import formula
from fixture import LOSSES, number, numbers, versions, write

SIDE, CLASSES, STRIDES = 128, 2, [4, 8, 16]
# Class and sides. No distance of a place is exactly a limit of a size, where torchvision's maps have a gap.
BOXES = [
    [[0, 10.3, 12.2, 31.4, 40.9], [1, 14.7, 20.1, 26.2, 33.3], [1, 60.6, 50.3, 118.7, 121.9], [0, 2.2, 90.4, 6.1, 97.8]],
    [[1, -20.3, -11.6, 140.9, 133.2], [0, 70.7, 8.4, 110.3, 28.6], [0, 71.3, 9.2, 109.1, 27.4], [0, 50.2, 50.7, 52.1, 51.3]],
]


def raw_maps():
    """Values of each map, [2, classes + 5, side, side]: scores, nearness, logarithms of distances in strides."""
    maps = []
    for stride in STRIDES:
        side, channels = SIDE // stride, CLASSES + 5
        u = formula.uniform(f"map {stride}", 2 * channels * side * side)
        values = (4 * u - 2).astype(np.float32).reshape(2, channels, side, side)
        maps.append(torch.from_numpy(values).double().requires_grad_())
    return maps


def anchors():
    """Squares of a stride around the place of each pixel, which our lattice has in the middle of its square."""
    rows = []
    for stride in STRIDES:
        at = torch.arange(SIDE // stride, dtype=torch.float64) * stride + stride / 2
        y, x = torch.meshgrid(at, at, indexing="ij")
        center, half = torch.stack([x.flatten(), y.flatten()], 1), stride / 2
        rows.append(torch.cat([center - half, center + half], 1))
    return torch.cat(rows), [len(r) for r in rows]


def losses(maps):
    flat = torch.cat([m.flatten(2).transpose(1, 2) for m in maps], 1)
    outputs = {
        "cls_logits": flat[..., :CLASSES],
        "bbox_ctrness": flat[..., CLASSES : CLASSES + 1],
        "bbox_regression": flat[..., CLASSES + 1 :].exp(),
    }
    of = [torch.tensor(boxes, dtype=torch.float64) for boxes in BOXES]
    targets = [{"boxes": b[:, 1:], "labels": b[:, 0].long()} for b in of]
    matched = []
    head = FCOSHead(32, 1, CLASSES, num_convs=1)
    compute = head.compute_loss

    def keep(targets, outputs, anchors, indices):
        matched.extend(indices)
        return compute(targets, outputs, anchors, indices)

    places, counts = anchors()
    network = SimpleNamespace(center_sampling_radius=1.5, head=SimpleNamespace(compute_loss=keep))
    found = FCOS.compute_loss(network, targets, outputs, [places, places], counts)
    return found, matched


def main():
    names = {"classification": "focal", "bbox_regression": "giou", "bbox_ctrness": "centerness"}
    rows = []
    for key, name in names.items():
        maps = raw_maps()
        found, matched = losses(maps)
        found[key].backward()
        gradient = torch.cat([m.grad.flatten() for m in maps])
        picked = sorted({*gradient.abs().topk(80).indices.tolist(), *range(0, len(gradient), 211)})
        entries = [[i, number(gradient[i])] for i in picked]
        rows.append({"name": name, "value": number(found[key].detach()), "gradient": entries})
    content = {
        "versions": versions(),
        "side": SIDE,
        "classes": CLASSES,
        "strides": STRIDES,
        "maps": "float32 of 4u - 2, u of the key `map STRIDE` at the flat index of [2, classes + 5, rows, columns]",
        "first": numbers(raw_maps()[0].detach().flatten()[:5]),
        "boxes": [{"chip": i, "boxes": of} for i, of in enumerate(BOXES)],
        "matched": [
            {"chip": i, "answers": [[at, int(m[at])] for at in torch.nonzero(m >= 0)[:, 0].tolist()]}
            for i, m in enumerate(matched)
        ],
        "cases": rows,
    }
    write(LOSSES / "fcos-losses.json", content)


if __name__ == "__main__":
    main()
