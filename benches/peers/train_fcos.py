"""The PyTorch peer of `arpent-train fit` for detectors with `kind = "fcos"`: torchvision's FCOS (or RetinaNet) on the same
encoder, data, chips and budget, scored as ours.

    python benches/peers/train_fcos.py DESCRIPTION.json --data FOLDER [--output REPORT.json] [--detector retinanet]
"""

import argparse
import copy
import json
import sys
import time
from pathlib import Path

import numpy as np
import timm
import torch
from torch import nn
from torchvision.models.detection import FCOS, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import FeaturePyramidNetwork

import chips
import fit
import lite0
import objects
import sets


class Pyramid(nn.Module):
    """The encoder of timm and torchvision's feature pyramid, one map for each stride."""

    def __init__(self, shape, encoder_weights):
        super().__init__()
        levels = tuple(stride.bit_length() - 2 for stride in shape["strides"])
        self.body = timm.create_model(shape["encoder"], features_only=True, out_indices=levels)
        if encoder_weights:
            state = torch.load(encoder_weights, weights_only=True)
            named = {lite0.encoder_name(key): value for key, value in state.items()}
            missing, _ = self.body.load_state_dict({k: v for k, v in named.items() if k}, strict=False)
            assert not missing, missing
        self.pyramid = FeaturePyramidNetwork(self.body.feature_info.channels(), shape["width"])
        self.out_channels = shape["width"]

    def forward(self, x):
        return self.pyramid(dict(enumerate(self.body(x))))


def build(description, arguments):
    """torchvision's detector; its input is normalized already, and not resized."""
    shape, detection = description["architecture"], description["detection"]
    pyramid = Pyramid(shape, arguments.encoder)
    options = {
        "image_mean": [0.0] * 3, "image_std": [1.0] * 3, "score_thresh": detection["threshold"],
        "nms_thresh": detection["iou"], "detections_per_img": 300, "_skip_resize": True,
    }
    classes = len(description["classes"])
    if arguments.detector == "retinanet":
        sizes = tuple(tuple(int(4 * s * 2 ** (i / 3)) for i in range(3)) for s in shape["strides"])
        anchors = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
        return RetinaNet(pyramid, classes, anchor_generator=anchors, **options)
    anchors = AnchorGenerator(tuple((s,) for s in shape["strides"]), ((1.0,),) * len(shape["strides"]))
    head = FCOSHead(shape["width"], 1, classes, num_convs=shape["convs"])
    return FCOS(pyramid, classes, anchor_generator=anchors, head=head, **options)


def targets(truths, device):
    of = [torch.from_numpy(boxes).to(device) for boxes, _ in truths]
    return [{"boxes": b[:, 1:].float(), "labels": b[:, 0].long()} for b in of]


@torch.no_grad()
def evaluate(network, normalize, items, names):
    """Average precision over whole pictures, in all and by group."""
    network.eval()
    groups = {}
    for item in items:
        found = network([torch.from_numpy(normalize(item.values)).to(fit.device_of(network))])[0]
        found = {key: value.cpu() for key, value in found.items()}
        rows = [found["labels"][:, None].double(), found["scores"][:, None].double(), found["boxes"].double()]
        groups.setdefault(item.group, []).append((item.truth, torch.cat(rows, 1).numpy()))
    each = {group: objects.scores(pictures, names) for group, pictures in sorted(groups.items())}
    every = [picture for pictures in groups.values() for picture in pictures]
    return {**objects.scores(every, names), "groups": each}


def train(network, description, items, normalize, threads):
    settings, names = description["fit"], description["classes"]
    crops = chips.Crops(items["train"], len(names), description)
    epsilon, decay = settings["adam_epsilon"], settings["weight_decay"]
    device = fit.device_of(network)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=decay, eps=epsilon)
    epochs, steps = settings["epochs"], settings["steps_per_epoch"]
    log, best, spent = [], None, 0.0
    for epoch in range(1, epochs + 1):
        network.train()
        start, losses = time.perf_counter(), []
        of = range((epoch - 1) * steps, epoch * steps)
        for step, (x, truths) in zip(of, fit.each_step(crops, normalize, settings, of, threads)):
            optimizer.param_groups[0]["lr"] = fit.rate(settings, step, epochs * steps)
            terms = network(list(x.to(device)), targets(truths, device))
            value = sum(terms.values())
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
        spent += time.perf_counter() - start
        row = {"epoch": epoch, "loss": float(np.mean(losses)), "elapsed_s": round(spent, 1)}
        if epoch % settings["validate_every"] == 0 or epoch == epochs:
            found = evaluate(network, normalize, items["val"], names)
            row["ap50_area"] = found["ap50_area"]
            if best is None or (found["ap50_area"] or 0.0) > best[0]:
                best = (found["ap50_area"] or 0.0, epoch, found, copy.deepcopy(network.state_dict()))
        log.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    network.load_state_dict(best[3])
    fitted = evaluate(network, normalize, items["train"], names)
    kept = {"train_s": round(spent, 1), "kept_epoch": best[1], "epochs": log, **best[2]}
    return {**kept, "train_ap50_area": fitted["ap50_area"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("description", type=Path)
    parser.add_argument("--data", type=Path, required=True, action="append")
    parser.add_argument("--encoder", type=Path, help="weights of the encoder (scripts/fetch_encoder.sh)")
    parser.add_argument("--detector", choices=["fcos", "retinanet"], default="fcos")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="where the network is computed: cpu, cuda")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    description = json.loads(arguments.description.read_text())
    instead = {"seed": arguments.seed, "epochs": arguments.epochs}
    description["fit"].update({key: value for key, value in instead.items() if value is not None})
    torch.manual_seed(description["fit"]["seed"])
    items = fit.read(description, arguments.data)
    normalize = fit.Normalization(*sets.statistics(items["train"]))
    network = build(description, arguments).to(arguments.device)
    report = train(network, description, items, normalize, arguments.threads)
    size = sum(p.numel() for p in network.parameters())
    counts = {split: len(of) for split, of in items.items()}
    head = {"description": description, "detector": arguments.detector, "items": counts, "parameters": size}
    text = json.dumps({**head, "torch": torch.__version__, **report}, indent=1)
    if arguments.output:
        arguments.output.write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
