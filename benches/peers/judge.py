"""Scores one of our model packages (a plain U-Net) in PyTorch's network, with the code that scores the peers.

    python benches/peers/judge.py PACKAGE DESCRIPTION.json --data FOLDER

Prints the scores of the validation split as JSON. Where they are those that `arpent-train evaluate` tells of the same package,
neither the networks nor the ways of judging differ.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

import fit
import nets
import sets
from train_segmentation import Segmentation


@torch.no_grad()
def put(network, weights):
    """Loads folded weights into a network: its normalizations then only add a bias."""
    for name, block in network.blocks():
        block.conv.weight.copy_(weights[f"{name}.weight"])
        block.norm.bias.copy_(weights[f"{name}.bias"])
        block.norm.running_var.fill_(1 - block.norm.eps)
    network.head.weight.copy_(weights["head.weight"])
    network.head.bias.copy_(weights["head.bias"])
    network.eval()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("description", type=Path)
    parser.add_argument("--data", type=Path, required=True, action="append", help="folder of data sets")
    given = parser.parse_args()
    description = json.loads(given.description.read_text())
    items = fit.read(description, given.data)
    task = Segmentation(description, items["train"])
    mean, std = sets.statistics(items["train"])
    network, stride = nets.build(description["architecture"], len(mean), task.outputs)
    put(network, load_file(given.package / "weights.safetensors"))
    normalize, settings = fit.Normalization(mean, std), description.get("evaluate", {})
    with torch.no_grad():
        found = task.evaluate(lambda v: fit.predict(network, v, normalize, stride, settings), items["val"])
    print(json.dumps({"package": given.package.name, **found}, indent=1))


if __name__ == "__main__":
    main()
