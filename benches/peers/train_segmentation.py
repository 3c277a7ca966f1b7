"""The PyTorch peer of `arpent-train fit`: the same network, data, budget and scores.

    python benches/peers/train_segmentation.py DESCRIPTION.json --data FOLDER [--weights OUT.safetensors] [--seed N]

Prints a JSON report: mean IoU, IoU per class and overall accuracy on whole pictures of the validation split, the
same per group, and how long it took. The description (see README.md) names the network, the data and the budget.
"""

import argparse
import copy
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch

import chips
import nets
import scores
import terms


def rate(fit, step, total):
    """A short rise, then a cosine to 0."""
    warm = max(total * fit.get("warmup_share", 0.03), 1.0)
    shape = (step + 1) / (warm + 1) if step < warm else 0.5 * (1 + math.cos(math.pi * step / total))
    return fit["learning_rate"] * shape


class Normalization:
    """Takes mean and deviation out; what is not in the picture becomes the mean."""

    def __init__(self, mean, std):
        self.mean, self.std = (a.astype(np.float32)[:, None, None] for a in (mean, std))

    def __call__(self, values):
        return np.nan_to_num((values - self.mean) / self.std)


def batch(crops, normalize, fit, step):
    rngs = [np.random.default_rng([fit["seed"], 2, step, i]) for i in range(fit["batch"])]
    drawn = [crops.draw(rng) for rng in rngs]
    x = torch.from_numpy(np.stack([normalize(values) for values, _ in drawn]))
    return x, torch.from_numpy(np.stack([labels for _, labels in drawn]).astype(np.int64))


def up(size, step):
    return -(-size // step) * step


@torch.no_grad()
def predict(network, item, normalize, stride, margin, core):
    """Labels of a whole picture, window by window. A window holds `margin` pixels around its core, and like ours
    sees the mean of the bands where there is no picture."""
    height, width = item.labels.shape
    margin = up(margin, stride)
    padded = np.zeros((len(item.values), up(height, stride) + 2 * margin, up(width, stride) + 2 * margin), np.float32)
    padded[:, margin : margin + height, margin : margin + width] = normalize(item.values)
    labels = np.empty((height, width), np.uint8)
    for top in range(0, height, core):
        for left in range(0, width, core):
            bottom, right = min(top + core, up(height, stride)), min(left + core, up(width, stride))
            view = padded[:, top : bottom + 2 * margin, left : right + 2 * margin]
            logits = network(torch.from_numpy(np.ascontiguousarray(view))[None])[0]
            found = logits.argmax(0)[margin : margin + bottom - top, margin : margin + right - left]
            target = labels[top:bottom, left:right]
            target[:] = found[: target.shape[0], : target.shape[1]].numpy()
    return labels


def evaluate(network, items, normalize, stride, settings, names):
    """Scores over all pictures, and by group."""
    network.eval()
    groups = {}
    for item in items:
        found = predict(network, item, normalize, stride, settings.get("margin_px", 64), settings.get("core_px", 1024))
        counts = scores.confusion(item.labels, found, len(names))
        groups[item.group] = groups.get(item.group, 0) + counts
    network.train()
    each = {group: scores.scores(counts, names) for group, counts in sorted(groups.items())}
    return {**scores.scores(sum(groups.values()), names), "groups": each}


def fit(description, items):
    """Trains; the network with the kept weights, its report and what goes with it."""
    settings, names = description["fit"], description["classes"]
    torch.manual_seed(settings["seed"])
    train = [i for i in items if i.split == "train"]
    val = [i for i in items if i.split == "val"]
    mean, std = chips.statistics(train)
    normalize = Normalization(mean, std)
    network, stride = nets.build(description["architecture"], len(mean), len(names))
    if settings["chip_px"] % stride:
        raise SystemExit(f"chip_px is {settings['chip_px']}, want a multiple of {stride}")
    loss_of = loss(description.get("loss", {}), train)
    sampling, augment = description.get("sampling", {}), description.get("augment", {})
    value_range = description.get("value_range", [0, 255])
    crops = chips.Crops(train, settings["chip_px"], sampling.get("class_aware", 0.5), augment, value_range)
    # Like Burn's, PyTorch's optimizer lets all parameters decay, the normalizations' too.
    optimizer = torch.optim.AdamW(
        network.parameters(), weight_decay=settings.get("weight_decay", 0.0), eps=settings.get("adam_epsilon", 1e-8)
    )
    epochs, steps = settings["epochs"], settings["steps_per_epoch"]
    log, best = [], (-1.0, None, None)
    spent = 0.0
    for epoch in range(1, epochs + 1):
        start, losses = time.perf_counter(), []
        for step in range((epoch - 1) * steps, epoch * steps):
            optimizer.param_groups[0]["lr"] = rate(settings, step, epochs * steps)
            x, labels = batch(crops, normalize, settings, step)
            value = loss_of(network(x), labels)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
        spent += time.perf_counter() - start
        row = {"epoch": epoch, "loss": sum(losses) / len(losses), "elapsed_s": round(spent, 2)}
        if epoch % settings.get("validate_every", 1) == 0 or epoch == epochs:
            found = evaluate(network, val, normalize, stride, description.get("evaluate", {}), names)
            row["miou"] = found["miou"]
            if settings.get("keep", "best") == "last" or found["miou"] > best[0]:
                best = (found["miou"], epoch, (copy.deepcopy(network.state_dict()), found))
        log.append(row)
        print(json.dumps(row), file=sys.stderr)
    network.load_state_dict(best[2][0])
    report = {
        "description": description,
        "torch": torch.__version__,
        "parameters": sum(p.numel() for p in network.parameters()),
        "items": {"train": len(train), "val": len(val)},
        "bands": {"mean": mean.tolist(), "std": std.tolist()},
        "train_s": round(spent, 1),
        "kept_epoch": best[1],
        "epochs": log,
        **best[2][1],
    }
    return network.eval(), report


def loss(settings, train):
    weights = settings.get("class_weights")
    if weights == "balanced":
        weights = chips.balanced_weights(train)
    if weights is not None:
        weights = torch.tensor(np.asarray(weights), dtype=torch.float32)
    return terms.total(settings.get("terms", [{"kind": "cross-entropy"}]), weights, settings.get("label_smoothing", 0.0))


def save(network, path):
    """Our U-Net folded, under the names of our packages; others as their state dict."""
    from safetensors.torch import save_file

    state = network.fold() if isinstance(network, nets.Unet) else network.state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("description", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets, with splits.csv")
    parser.add_argument("--weights", type=Path, help="where to write the weights, safetensors")
    parser.add_argument("--seed", type=int, help="instead of the description's")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    description = json.loads(arguments.description.read_text())
    if arguments.seed is not None:
        description["fit"]["seed"] = arguments.seed
    items = chips.read_items(description["data"], arguments.data, description["classes"])
    network, report = fit(description, items)
    if arguments.weights:
        save(network, arguments.weights)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
