"""U-Nets of segmentation_models_pytorch: tensors by name, features of every stage, logits."""

import hashlib

import numpy as np
import segmentation_models_pytorch as smp
import torch
import torchvision

import formula
from fixture import NETWORKS, keys_and_shapes, number, summary, versions, write

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
    # Squeeze-and-excitation, swish, paddings frozen at the size of ImageNet's pictures: of 224 px and of 380 px.
    ("unet-efficientnet-b0", "efficientnet-b0", 4, 3),
    ("unet-efficientnet-b4", "efficientnet-b4", 4, 3),
    # Attention, in a U-Net without a skip connection at a half.
    ("unet-mit_b0", "mit_b0", 3, 2),
]
# Factors of tensors, by the end of their name, powers of two: without, values of deep networks grow from block to
# block until gates are steps, and a rounding error becomes another answer.
FACTORS = {"unet-efficientnet-b4": {"_bn2.weight": 0.25}}
# Encoders whose tensors are compared by a hash of their names and shapes.
HASHED = [f"efficientnet-b{i}" for i in range(8)] + [f"mit_b{i}" for i in range(6)]


def fill(module, factors=None):
    """Loads the weights of the formula into a module; those whose name ends like a key of `factors` are multiplied."""

    def value(name, shape):
        factor = next((f for end, f in (factors or {}).items() if name.endswith(end)), None)
        tensor = np.asarray(formula.tensor(name, shape))
        return torch.from_numpy(tensor if factor is None else tensor * np.float32(factor))

    state = {k: value(k, tuple(v.shape)) for k, v in module.state_dict().items()}
    module.load_state_dict(state)
    return module.eval()


def scores(model, x):
    """Logits of one picture in double precision, and what a fixture says of them; the model stays in double precision."""
    single = model(x)[0]
    logits = model.double()(x.double())[0]
    assert torch.isfinite(logits).all() and 1e-3 < logits.std() < 1e6, "the weights need another scale"
    return {
        "mean": number(logits.mean()),
        "std": number(logits.std(correction=0)),
        "float32_error": number((single.double() - logits).abs().max()),
        "logits": samples(logits),
    }


def norm_epsilons(module):
    """Epsilon of the batch normalizations, by the first part of their name."""
    found = {}
    for name, layer in module.named_modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            found.setdefault(name.split(".")[0], set()).add(layer.eps)
    assert all(len(values) == 1 for values in found.values()), found
    return {part: values.pop() for part, values in found.items()}


def stages(model, x):
    """Encoder features (the first one is the input) and the output of every decoder block."""
    features = enumerate(model.encoder(x))
    rows = [summary(f"encoder.{i}", f) for i, f in features if f.shape[1] > 0]
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
    factors = FACTORS.get(file, {})
    model = fill(smp.Unet(encoder, encoder_weights=None, in_channels=bands, classes=classes), factors)
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
        "factors": factors,
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


def hash_row(encoder, model, is_unused):
    """SHA-256 of a network's tensors: a line `name: [shape]` each, sorted, without counters and tensors that are in the
    files and not used. Weights of a linear layer are those of a convolution of one pixel; tables have two dimensions."""
    state = {k: list(v.shape) for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    unused = [k for k in state if is_unused(k)]
    linear = {k for k, s in state.items() if len(s) == 2 and not k.endswith("_table")}
    shapes = {k: s + [1, 1] if k in linear else s for k, s in state.items() if k not in unused}
    lines = sorted(f"{k}: {shape}\n" for k, shape in shapes.items())
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    return {"encoder": encoder, "tensors": len(lines), "unused": unused, "sha256": digest}


def hashes():
    """Names and shapes of the tensors of every network."""
    rows = []
    for encoder in HASHED:
        # Mix transformers look at a value when they are made.
        with torch.device("cpu" if encoder.startswith("mit") else "meta"):
            model = smp.Unet(encoder, encoder_weights=None, in_channels=4, classes=3)
        # What is behind the encoder in the classifier that it is taken from.
        rows.append(hash_row(encoder, model, lambda k: k.startswith(("encoder._conv_head.", "encoder._bn1."))))
    write(NETWORKS / "unet-hashes.json", {"versions": versions(), "in_channels": 4, "classes": 3, "networks": rows})


def main():
    for row in UNETS:
        network(*row)
    hashes()
    for name in ("resnet18", "resnet34"):
        state = getattr(torchvision.models, name)(weights=None).state_dict()
        content = {"library": "torchvision", "versions": versions(), "architecture": name}
        write(NETWORKS / f"torchvision-{name}.json", {**content, "tensors": keys_and_shapes(state)})
    known = ["conv1.weight", "input", "encoder.layer4.1.bn2.running_var"]
    rows = [
        {"key": k, "fnv1a": f"{formula.fnv1a(k):016x}", "bits": [f"{b:016x}" for b in formula.bits(k, 3)]}
        for k in known
    ]
    write(NETWORKS / "formula.json", {"rows": rows})
