"""Networks whose window is part of the model, with made-up weights: what speed.py measures with `--windows`.

    python benches/peers/windows.py NAME FOLDER --size 512

Names are those of `arpent model import --architecture`. Writes `NAME.safetensors` (a state dict, which can be imported),
`NAME.onnx` (a fixed input of [1, bands, size, size]) and `chip.npy` (a random normalized chip). UPerNets are those of the
installed segmentation_models_pytorch: `upernet-` of version 0.4, `upernet5-` of later ones.
"""

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

# PyTorch is imported where it is needed: speed.py reads names only.

OPSET = 18
# Of the largest output; both compute in float32, in another order.
TOLERANCE = 1e-3
UPERNET = "upernet" if version("segmentation_models_pytorch").startswith("0.4.") else "upernet5"
# (bands, classes)
SIZES = {
    "unet-efficientnet-b4": (4, 3),
    f"{UPERNET}-convnextv2-tiny": (3, 19),
    "segformer-b0": (3, 2),
    f"{UPERNET}-swin-tiny": (3, 19),
}


def network(name, size):
    """PyTorch's network, and the part of it whose tensors are in the file."""
    if name not in SIZES:
        raise SystemExit(f"no network {name}: expected one of {', '.join(SIZES)}")
    import segmentation_models_pytorch as smp

    bands, classes = SIZES[name]
    given = {"encoder_weights": None, "in_channels": bands, "classes": classes}
    if name.startswith("segformer"):
        from parity_segformer import Enlarged

        whole = Enlarged(name.removeprefix("segformer-"), bands, classes)
        return whole, whole.model
    if name.startswith("unet"):
        whole = smp.Unet("efficientnet-b4", **given)
    elif name.endswith("swin-tiny"):
        whole = smp.UPerNet("tu-swin_tiny_patch4_window7_224", img_size=size, **given)
    else:
        whole = smp.UPerNet("tu-convnextv2_tiny", **given)
    return whole, whole


def make_up(whole):
    """Weights as PyTorch draws them; those that begin as zeros, and statistics, get values."""
    import torch

    for value in whole.parameters():
        if not value.any():
            torch.nn.init.normal_(value, std=0.1)
    for layer in whole.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.running_mean, std=0.1)
            torch.nn.init.uniform_(layer.running_var, 0.5, 1.5)


def load(path, size):
    """The network of a file that this script has written, ready to predict."""
    from safetensors.torch import load_file

    whole, part = network(path.stem, size)
    part.load_state_dict(load_file(path))
    return whole.eval()


def apart(a, b):
    """Largest difference, as a share of the largest value of `b`."""
    return float(np.abs(a - b).max() / np.abs(b).max())


def check(whole, path, chip):
    """Refuses the ONNX file if ONNX Runtime's answer is not PyTorch's."""
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = whole(torch.from_numpy(chip)).numpy()
    worst = apart(session.run(None, {"input": chip})[0], expected)
    if not worst <= TOLERANCE:
        raise SystemExit(f"{path} differs from PyTorch by {worst:.1e} of the largest output")
    return worst


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=SIZES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=512, help="side of the window, pixels")
    given = parser.parse_args()

    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    whole, part = network(given.name, given.size)
    make_up(whole)
    whole.eval()
    given.folder.mkdir(parents=True, exist_ok=True)
    file = given.folder / f"{given.name}.onnx"
    save_file({k: v.contiguous() for k, v in part.state_dict().items()}, file.with_suffix(".safetensors"))
    shape = 1, SIZES[given.name][0], given.size, given.size
    chip = np.random.default_rng(0).standard_normal(shape, np.float32)
    np.save(given.folder / "chip.npy", chip)
    torch.onnx.export(
        whole,
        (torch.from_numpy(chip),),
        file,
        opset_version=OPSET,
        input_names=["input"],
        output_names=["output"],
        external_data=False,
        verbose=False,
    )
    print(f"{file}: at most {check(whole, file, chip):.1e} from PyTorch", file=sys.stderr)


if __name__ == "__main__":
    main()
