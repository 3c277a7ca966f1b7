"""Twelve steps of a training: the same pixels, first weights and rates; losses step by step and the weights behind them."""

import math

import numpy as np
import torch

import fit
import formula
import nets
from fixture import LOSSES, number, numbers, versions, write
from terms import IGNORE, cross_entropy, dice

SIDE, BANDS, CLASSES, SAMPLES, STEPS = 16, 3, 3, 4, 12
MEAN, STD = 120.0, 50.0
ARCHITECTURE = {"kind": "unet", "widths": [4, 6], "encoder_convs": [1, 2]}
SETTINGS = {"learning_rate": 0.01, "weight_decay": 0.01, "adam_epsilon": 1e-5, "warmup_share": 0.2}


def pictures():
    """Whole numbers [samples, bands, side, side] from 0 to 255, and labels with some unknown pixels."""
    area = SIDE * SIDE
    values = np.floor(256 * formula.uniform("pictures", SAMPLES * BANDS * area)).astype(np.int64)
    values = values.reshape(SAMPLES, BANDS, SIDE, SIDE)
    # The class can be learned: it follows from the first two bands.
    labels = np.where(values[:, 0] > 170, 1, np.where(values[:, 1] > 130, 2, 0))
    unknown = formula.uniform("unknown", SAMPLES * area).reshape(labels.shape) < 0.1
    return values, np.where(unknown, IGNORE, labels)


def parameters(network):
    """Parameters by their names in our checkpoints."""
    for name, block in network.blocks():
        yield f"{name}.weight", block.conv.weight
        yield f"{name}.norm.weight", block.norm.weight
        yield f"{name}.norm.bias", block.norm.bias
        yield f"{name}.norm.running_mean", block.norm.running_mean
        yield f"{name}.norm.running_var", block.norm.running_var
    yield "head.weight", network.head.weight
    yield "head.bias", network.head.bias


def divide_by_n(network, first):
    """Running variances as Burn has them: PyTorch divides by n - 1 there, Burn by n, as both do in the forward pass."""
    for name, block in network.blocks():
        level = int(name.split(".")[1])
        n = (SIDE >> level) ** 2
        start = torch.tensor(first[f"{name}.norm.running_var"], dtype=block.norm.running_var.dtype) * 0.9**STEPS
        block.norm.running_var.copy_(start + (block.norm.running_var - start) * (n - 1) / n)


def run(dtype):
    network, _ = nets.build(ARCHITECTURE, BANDS, CLASSES)
    with torch.no_grad():
        for name, value in parameters(network):
            value.copy_(torch.from_numpy(formula.tensor(name, tuple(value.shape))))
    network = network.to(dtype).train()
    first = [[name, list(v.shape), numbers(v.detach())] for name, v in parameters(network)]
    optimizer = torch.optim.AdamW(
        network.parameters(), weight_decay=SETTINGS["weight_decay"], eps=SETTINGS["adam_epsilon"]
    )
    values, labels = pictures()
    losses = []
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = fit.rate(SETTINGS, step, STEPS)
        x = torch.from_numpy((values[step % SAMPLES] - MEAN) / STD)[None].to(dtype)
        t = torch.from_numpy(labels[step % SAMPLES])[None]
        scores = network(x)
        loss = cross_entropy(scores, t) + dice(scores, t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    network.eval()
    divide_by_n(network, dict((name, values) for name, _, values in first))
    folded = [[name, numbers(v)] for name, v in network.fold().items()]
    return first, losses, folded


def main():
    first, losses, folded = run(torch.float64)
    _, narrow, also = run(torch.float32)
    apart = max(
        abs(a - b) for (_, x), (_, y) in zip(folded, also, strict=True) for a, b in zip(x, y, strict=True)
    )
    assert all(math.isfinite(v) for v in losses)
    values, labels = pictures()
    content = {
        "versions": versions(),
        "what": "AdamW on cross-entropy + dice, one picture to a step (picture step modulo 4), parameters all decayed",
        "architecture": ARCHITECTURE,
        "settings": SETTINGS,
        "mean_std": [MEAN, STD],
        "float32_error": {"loss": max(abs(a - b) for a, b in zip(losses, narrow)), "weights": apart},
        "losses": [number(v) for v in losses],
        "pictures": [p.flatten().tolist() for p in values],
        "labels": [p.flatten().tolist() for p in labels],
        "first": first,
        "folded": folded,
    }
    write(LOSSES / "steps.json", content)


if __name__ == "__main__":
    main()
