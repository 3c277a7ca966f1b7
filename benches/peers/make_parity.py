"""Writes the fixtures that hold our networks, losses and checkpoint reader to those of PyTorch.

    python benches/peers/make_parity.py            # all
    python benches/peers/make_parity.py networks   # or: losses, checkpoints, lite0

Networks and checkpoints go to crates/arpent-model/tests/parity/, losses to training/tests/parity/. Weights and
pixels follow formula.py. Outputs are computed in float64 from the float32 weights, which makes them the truth to
compare with; `float32_error` says how far PyTorch itself is off in float32.
"""

import json
import sys
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision

import formula

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ROOT / "crates/arpent-model/tests/parity"
SIDE = 96
SAMPLES = 200
# (file, encoder, bands, classes)
UNETS = [
    ("unet-resnet18", "resnet18", 5, 19),
    ("unet-resnet34", "resnet34", 5, 19),
    ("unet-resnet34-rgb", "resnet34", 3, 15),
    ("unet-resnet50", "resnet50", 5, 19),
    ("unet-mobilenet_v2", "mobilenet_v2", 3, 6),
    # Symmetric padding and epsilon 1e-5 ...
    ("unet-efficientnet_lite0", "tu-efficientnet_lite0", 3, 6),
    # ... and the same keys with TensorFlow's SAME padding and epsilon 1e-3: what the ImageNet weights were
    # trained with (see `lite0`).
    ("unet-tf_efficientnet_lite0", "tu-tf_efficientnet_lite0", 3, 6),
]


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


def fill(module):
    """Gives a module the weights of the formula."""
    state = {k: torch.from_numpy(np.asarray(formula.tensor(k, tuple(v.shape)))) for k, v in module.state_dict().items()}
    module.load_state_dict(state)
    return module.eval()


def norm_epsilons(module):
    """Epsilon of the batch normalizations, by the first part of their name."""
    found = {}
    for name, layer in module.named_modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            found.setdefault(name.split(".")[0], set()).add(layer.eps)
    assert all(len(values) == 1 for values in found.values()), found
    return {part: values.pop() for part, values in found.items()}


def summary(name, values):
    """What a feature map looks like: a mismatch is found at the first stage that differs."""
    flat = values.flatten()
    return {
        "name": name,
        "shape": list(values.shape[1:]),
        "mean": number(values.mean()),
        "std": number(values.std(correction=0)),
        "first": [number(v) for v in flat[:4]],
        "last": number(flat[-1]),
    }


def stages(model, x):
    """Encoder features (the first one is the input) and the output of every decoder block."""
    rows = [summary(f"encoder.{i}", f) for i, f in enumerate(model.encoder(x))]
    hooks = []
    for i, block in enumerate(model.decoder.blocks):
        hook = block.register_forward_hook(lambda _m, _a, out, i=i: rows.append(summary(f"decoder.{i}", out)))
        hooks.append(hook)
    logits = model(x)
    for hook in hooks:
        hook.remove()
    return logits, rows


def samples(logits):
    """[class, row, column, value] at pseudo-random places, after the key "positions"."""
    classes, height, width = logits.shape
    picked = formula.bits("positions", SAMPLES) % np.uint64(classes * height * width)
    rows = []
    for flat in sorted({int(p) for p in picked}):
        c, row, column = np.unravel_index(flat, logits.shape)
        rows.append([int(c), int(row), int(column), number(logits[c, row, column])])
    return rows


@torch.no_grad()
def network(file, encoder, bands, classes):
    model = fill(smp.Unet(encoder, encoder_weights=None, in_channels=bands, classes=classes))
    x = torch.from_numpy(formula.pixels(bands, SIDE, SIDE))[None]
    single = model(x)[0]
    epsilons = norm_epsilons(model)
    tensors = keys_and_shapes(model.state_dict())
    logits, features = stages(model.double(), x.double())
    logits = logits[0]
    assert torch.isfinite(logits).all() and 1e-3 < logits.std() < 1e6, "the weights need another scale"
    content = {
        "library": "segmentation_models_pytorch.Unet",
        "versions": versions(),
        "encoder": encoder,
        "in_channels": bands,
        "classes": classes,
        "height": SIDE,
        "width": SIDE,
        "weight_factor": 1.0,
        "norm_epsilon": epsilons,
        "encoder_channels": list(model.encoder.out_channels),
        "decoder_channels": [256, 128, 64, 32, 16],
        "mean": number(logits.mean()),
        "std": number(logits.std(correction=0)),
        "float32_error": number((single.double() - logits).abs().max()),
        "stages": features,
        "logits": samples(logits),
        "tensors": tensors,
    }
    write(NETWORKS / f"{file}.json", content)


def networks():
    for row in UNETS:
        network(*row)
    for name in ("resnet18", "resnet34"):
        state = getattr(torchvision.models, name)(weights=None).state_dict()
        content = {"library": "torchvision", "versions": versions(), "architecture": name}
        write(NETWORKS / f"torchvision-{name}.json", {**content, "tensors": keys_and_shapes(state)})
    known = ["conv1.weight", "input", "encoder.layer4.1.bn2.running_var"]
    rows = [
        {"key": k, "fnv1a": f"{formula.fnv1a(k):016x}", "bits": [f"{b:016x}" for b in formula.bits(k, 3)]} for k in known
    ]
    write(NETWORKS / "formula.json", {"rows": rows})


PARTS = {"networks": networks}

if __name__ == "__main__":
    torch.set_num_threads(2)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
