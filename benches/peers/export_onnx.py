"""Exports a model package as an ONNX file.

    python benches/peers/export_onnx.py PACKAGE FILE.onnx [--size 512]

With `--size` the input is fixed at [1, bands, size, size]; without, batch, height and width are free (sides are
multiples of the package's stride). The file is refused when ONNX Runtime's answer to it is not PyTorch's.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import load_file
from torch import nn

import nets

OPSET = 18
# Of the largest output; both compute in float32, in another order.
TOLERANCE = 1e-4
ENCODERS = {name: name.replace("-", "_") for name in ("resnet18", "resnet34", "resnet50", "mobilenet-v2")}


def describe(package):
    return json.loads((package / "model.json").read_text())


def fold(network):
    """Removes the normalizations and adds a bias to the convolutions: the weights of a package are folded."""
    for layer in list(network.modules()):
        for name, child in layer.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(layer, name, nn.Identity())
            elif isinstance(child, nn.Conv2d) and child.bias is None:
                child.bias = nn.Parameter(torch.zeros(child.out_channels))


def unet(architecture):
    dates, bands = architecture.get("dates", 1), architecture["in_channels"]
    shape = architecture["widths"], architecture["encoder_convs"]
    return nets.Unet(bands * dates, architecture["out_channels"], *shape, dates)


def encoder_unet(architecture):
    encoder = ENCODERS.get(architecture["encoder"])
    if encoder is None or architecture.get("dates", 1) > 1:
        raise SystemExit(f"expected one date and an encoder of {', '.join(ENCODERS)}")
    return smp.Unet(
        encoder,
        encoder_weights=None,
        decoder_channels=architecture["decoder"],
        in_channels=architecture["in_channels"],
        classes=architecture["out_channels"],
    )


def names(network):
    """The name in our packages of every layer that has weights; none where it is PyTorch's own."""
    if not isinstance(network, nets.Plain):
        return {}
    return {name: block.conv for name, block in network.blocks()} | {"head": network.head}


def load(network, weights):
    layers = names(network)
    if not layers:
        network.load_state_dict(weights)
    for name, layer in layers.items():
        layer.load_state_dict({part: weights.pop(f"{name}.{part}") for part in ("weight", "bias")})
    if layers and weights:
        raise SystemExit(f"unexpected tensors: {', '.join(weights)}")


def network(package):
    """PyTorch's network with the weights of a package, ready to predict."""
    makers = {"unet": unet, "encoder-unet": encoder_unet}
    description = describe(package)
    architecture = description["architecture"]
    if architecture["kind"] not in makers:
        raise SystemExit(f"{package} is a {architecture['kind']}, expected one of {', '.join(makers)}")
    found = makers[architecture["kind"]](architecture)
    fold(found)
    load(found, load_file(package / description["weights"]["file"]))
    return found.eval()


def channels(description):
    architecture = description["architecture"]
    return architecture["in_channels"] * architecture.get("dates", 1)


def chip(bands, height, width, batch=1):
    """Normalized values, the same each time."""
    return np.random.default_rng(0).standard_normal((batch, bands, height, width), np.float32)


def free(stride):
    """Batch and sides that are known only when the file is used."""
    sides = {axis: stride * torch.export.Dim(name) for axis, name in ((2, "rows"), (3, "columns"))}
    return [{0: torch.export.Dim("batch"), **sides}]


def export(package, path, size=None):
    """Writes the file and returns PyTorch's network."""
    found, description = network(package), describe(package)
    # An example of batch 1 would be taken for a constant.
    example = chip(channels(description), size or 128, size or 192, 1 if size else 2)
    torch.onnx.export(
        found,
        (torch.from_numpy(example),),
        path,
        opset_version=OPSET,
        input_names=["input"],
        output_names=["output"],
        dynamic_shapes=None if size else free(description["stride_px"]),
        external_data=False,
        verbose=False,
    )
    return found


def apart(a, b):
    """Largest difference, as a share of the largest value of `b`."""
    return float(np.abs(a - b).max() / np.abs(b).max())


@torch.inference_mode()
def check(found, path, shapes):
    """Largest difference of ONNX Runtime's outputs from PyTorch's; an error beyond the tolerance."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for shape in shapes:
        x = chip(*shape)
        worst = max(worst, apart(session.run(None, {"input": x})[0], found(torch.from_numpy(x)).numpy()))
    if not math.isfinite(worst) or worst > TOLERANCE:
        raise SystemExit(f"{path} differs from PyTorch by {worst:.1e} of the largest output")
    return worst


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--size", type=int, help="side of the input, pixels, when fixed")
    given = parser.parse_args()
    found = export(given.package, given.file, given.size)
    bands = channels(describe(given.package))
    size = given.size
    shapes = [(bands, size, size)] if size else [(bands, 128, 192, 2), (bands, 256, 224, 1)]
    worst = check(found, given.file, shapes)
    print(f"{given.file}: at most {worst:.1e} from PyTorch", file=sys.stderr)


if __name__ == "__main__":
    main()
