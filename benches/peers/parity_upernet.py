"""UPerNets of segmentation_models_pytorch 0.4.0, the version of FLAIR-HUB: later versions have another decoder.

    pip install --no-deps --target /tmp/smp-0.4 segmentation-models-pytorch==0.4.0 pretrainedmodels efficientnet-pytorch munch six
    PYTHONPATH=/tmp/smp-0.4 python benches/peers/parity_upernet.py
"""

import segmentation_models_pytorch as smp
import torch

import formula
from fixture import NETWORKS, keys_and_shapes, versions, write
from parity_networks import fill, hash_row, scores

SIDE = 96
# A Swin transformer's coarsest map is larger than its windows, as in the pictures that it is used on; below, timm makes
# the windows smaller.
SWIN_SIDE = 256
# In the files, and never used.
UNUSED = "decoder.fpn_stages.4."


@torch.no_grad()
def network(file, encoder, bands, classes, side=SIDE, **options):
    model = fill(smp.UPerNet(encoder, encoder_weights=None, in_channels=bands, classes=classes, **options))
    x = torch.from_numpy(formula.pixels(bands, side, side))[None]
    content = {
        "library": "segmentation_models_pytorch.UPerNet",
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


def hashes(encoders):
    rows = []
    for encoder, options in encoders:
        with torch.device("cpu" if options else "meta"):
            model = smp.UPerNet(encoder, encoder_weights=None, in_channels=3, classes=19, **options)
        rows.append(hash_row(encoder, model, lambda k: k.startswith(UNUSED)))
    write(NETWORKS / "upernet-hashes.json", {"versions": versions(), "in_channels": 3, "classes": 19, "networks": rows})


SWINS = ["tiny_patch4_window7_224", "small_patch4_window7_224", "base_patch4_window12_384", "large_patch4_window12_384"]

if __name__ == "__main__":
    torch.set_num_threads(2)
    assert smp.__version__ == "0.4.0", smp.__version__
    network("upernet-convnextv2_tiny", "tu-convnextv2_tiny", 3, 19)
    network("upernet-swin_tiny", "tu-swin_tiny_patch4_window7_224", 3, 5, SWIN_SIDE, img_size=SWIN_SIDE)
    convnexts = [("tu-convnextv2_tiny", {}), ("tu-convnextv2_base", {})]
    hashes(convnexts + [(f"tu-swin_{size}", {"img_size": 512}) for size in SWINS])
