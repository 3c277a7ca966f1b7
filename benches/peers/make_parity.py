"""Writes the fixtures that compare our networks, losses and checkpoint reader with those of PyTorch.

    python benches/peers/make_parity.py            # all
    python benches/peers/make_parity.py networks   # or: losses, fcos, oriented, training, checkpoints, onnx, graphs, lite0

Networks, checkpoints and ONNX files go to crates/arpent-model/tests/parity/, losses and steps to training/tests/parity/. Weights and
pixels follow formula.py. Outputs are computed in float64 from the float32 weights, which makes them the truth to
compare with; `float32_error` says how far PyTorch itself is off in float32.
"""

import sys

import torch

import parity_checkpoints
import parity_fcos
import parity_graphs
import parity_lite0
import parity_losses
import parity_networks
import parity_onnx
import parity_oriented
import parity_training

PARTS = {
    "networks": parity_networks.main,
    "lite0": parity_lite0.main,
    "losses": parity_losses.main,
    "fcos": parity_fcos.main,
    "oriented": parity_oriented.main,
    "training": parity_training.main,
    "checkpoints": parity_checkpoints.main,
    "onnx": parity_onnx.main,
    "graphs": parity_graphs.main,
}

if __name__ == "__main__":
    torch.set_num_threads(2)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
