"""FPN, DeepLabV3+ and UPerNet (as of version 0.5) of segmentation_models_pytorch: tensors by name, logits.

    python benches/peers/parity_decoders.py
"""

import segmentation_models_pytorch as smp
import torch

import formula
from fixture import NETWORKS, keys_and_shapes, versions, write
from parity_networks import fill, hash_row, scores

# The coarsest map of DeepLab has a 16th of the side: 38 px, more than the greatest distance between taps, 36.
NETS = [
    ("fpn-resnet34", smp.FPN, "resnet34", 4, 3, 96),
    ("fpn-mit_b0", smp.FPN, "mit_b0", 3, 2, 96),
    ("deeplabv3plus-resnet18", smp.DeepLabV3Plus, "resnet18", 3, 4, 608),
    ("upernet5-convnextv2_tiny", smp.UPerNet, "tu-convnextv2_tiny", 3, 5, 96),
]
EFFICIENTNETS = [f"efficientnet-b{i}" for i in range(8)]
TRANSFORMERS = [f"mit_b{i}" for i in range(6)]
SWINS = ["tiny_patch4_window7_224", "small_patch4_window7_224", "base_patch4_window12_384"]
RESNETS = ["resnet18", "resnet34", "resnet50"]


def library(kind):
    return f"segmentation_models_pytorch.{kind.__name__}" + (", 0.5" if kind is smp.UPerNet else "")


@torch.no_grad()
def network(file, kind, encoder, bands, classes, side):
    model = fill(kind(encoder, encoder_weights=None, in_channels=bands, classes=classes))
    x = torch.from_numpy(formula.pixels(bands, side, side))[None]
    content = {
        "library": library(kind),
        "versions": versions(),
        "encoder": encoder,
        "in_channels": bands,
        "classes": classes,
        "height": side,
        "width": side,
        **scores(model, x),
        "tensors": keys_and_shapes(model.state_dict()),
    }
    write(NETWORKS / f"{file}.json", content)


def hashes():
    """As in parity_networks.py."""
    rows = []
    upernets = [("tu-convnextv2_tiny", {}), ("tu-convnextv2_base", {})]
    upernets += [(f"tu-swin_{size}", {"img_size": 512}) for size in SWINS]
    all_of = [(smp.FPN, e) for e in [*RESNETS, "mobilenet_v2", *EFFICIENTNETS, *TRANSFORMERS]]
    all_of += [(smp.DeepLabV3Plus, e) for e in RESNETS]
    for kind, encoder, options in [(k, e, {}) for k, e in all_of] + [(smp.UPerNet, *row) for row in upernets]:
        with torch.device("cpu" if options or encoder.startswith("mit") else "meta"):
            model = kind(encoder, encoder_weights=None, in_channels=4, classes=3, **options)
        row = hash_row(encoder, model, lambda k: k.startswith(("encoder._conv_head.", "encoder._bn1.")))
        rows.append({"library": library(kind), **row})
    write(NETWORKS / "decoder-hashes.json", {"versions": versions(), "in_channels": 4, "classes": 3, "networks": rows})


if __name__ == "__main__":
    torch.set_num_threads(2)
    for row in NETS:
        network(*row)
    hashes()
