"""Writes fixtures."""

import json
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ROOT / "crates/arpent-model/tests/parity"
LOSSES = ROOT / "training/tests/parity"


def versions():
    return {
        "torch": torch.__version__.split("+")[0],
        "torchvision": torchvision.__version__.split("+")[0],
        "segmentation_models_pytorch": smp.__version__,
        "timm": timm.__version__,
        "numpy": np.__version__,
    }


def number(value):
    """Nine significant digits: enough to give a float32 back."""
    return float(f"{float(value):.9g}")


def numbers(values):
    return [number(v) for v in values.flatten()]


def write(path, content):
    """JSON with one short list to a line, so that a change shows in a diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for key, value in content.items():
        if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
            rows = ",\n".join("  " + json.dumps(row) for row in value)
            lines.append(f" {json.dumps(key)}: [\n{rows}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{path.relative_to(ROOT)} {path.stat().st_size / 1000:.1f} kB")


def keys_and_shapes(state):
    return [[key, list(value.shape)] for key, value in state.items()]


def summary(name, values):
    """A summary of a feature map [1, channels, height, width]: it shows the first stage that differs."""
    flat = values.flatten()
    return {
        "name": name,
        "shape": list(values.shape[1:]),
        "mean": number(values.mean()),
        "std": number(values.std(correction=0)),
        "first": [number(v) for v in flat[:4]],
        "last": number(flat[-1]),
    }
