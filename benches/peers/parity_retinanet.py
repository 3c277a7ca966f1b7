"""RetinaNet of torchvision, as DeepForest uses it: tensors by name, values of all feature maps, and boxes.

    python benches/peers/parity_retinanet.py
"""

import torch
from torchvision.models.detection import retinanet_resnet50_fpn

import formula
from fixture import NETWORKS, keys_and_shapes, number, versions, write
from parity_networks import fill, samples

SIDE = 256
# Without, scores are 0 and 1, and boxes have the size of the picture.
FACTORS = {"cls_logits.weight": 2.0**-14, "bbox_reg.weight": 2.0**-17}
THRESHOLD = 0.8
LEVELS = [7, 6, 5, 4, 3]


def values(model, x):
    """The values of all feature maps, coarsest first, each pixel's repeated over those of the picture."""
    features = list(model.backbone(x).values())
    classification, regression = model.head.classification_head, model.head.regression_head
    maps = []
    for level, feature in zip(LEVELS, reversed(features)):
        assert feature.shape[-1] == SIDE >> level, feature.shape
        scores = classification.cls_logits(classification.conv(feature))
        boxes = regression.bbox_reg(regression.conv(feature))
        both = torch.cat([scores, boxes], 1)
        maps.append(both.repeat_interleave(1 << level, 2).repeat_interleave(1 << level, 3))
    return torch.cat(maps, 1)


@torch.no_grad()
def main(bands=3, classes=2):
    options = {"image_mean": [0.0] * bands, "image_std": [1.0] * bands, "min_size": SIDE, "max_size": SIDE}
    model = retinanet_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=classes, score_thresh=THRESHOLD, nms_thresh=0.05, **options
    )
    fill(model, FACTORS)
    x = torch.from_numpy(formula.pixels(bands, SIDE, SIDE))[None]
    single = values(model, x)[0]
    model = model.double()
    logits = values(model, x.double())[0]
    print("std of scores and boxes", logits[-54:-36].std(), logits[-36:].std(), "finest;", logits[:18].std(), "coarsest")
    half = torch.from_numpy(formula.pixels(bands, SIDE // 2, SIDE // 2)).double()
    found = model([half])[0]
    rows = [
        [int(label), number(score), *map(number, sides)]
        for label, score, sides in zip(found["labels"], found["scores"], found["boxes"])
    ]
    assert 20 < len(rows) < 300 and len({row[0] for row in rows}) == classes, len(rows)
    content = {
        "library": "torchvision.retinanet_resnet50_fpn",
        "versions": versions(),
        "encoder": "resnet50",
        "in_channels": bands,
        "classes": classes,
        "height": SIDE,
        "width": SIDE,
        "factors": FACTORS,
        "threshold": THRESHOLD,
        "mean": number(logits.mean()),
        "std": number(logits.std(correction=0)),
        "float32_error": number((single.double() - logits).abs().max()),
        "logits": samples(logits),
        # Of a picture of half the side, doubled: label, score, west, north, east, south.
        "boxes": rows,
        "tensors": keys_and_shapes(model.state_dict()),
    }
    write(NETWORKS / "retinanet-resnet50.json", content)


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
