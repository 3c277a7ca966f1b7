"""Graphs of published kinds of networks: exported with made-up weights, run by ONNX Runtime and by Arpent, one thread each.

    graphs.py FOLDER ARPENT SCORES      SCORES: target/release/examples/scores of arpent-model

Prints a row for each: processor time of a window (the difference of runs of 4 and 1 windows, least of 5 in turns), and the largest
difference over the largest answer. Needs onnx, onnxscript and onnxruntime. Set OMP_NUM_THREADS, RAYON_NUM_THREADS and RTEN_NUM_THREADS to 1.
"""

import functools
import os
import resource
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import segmentation_models_pytorch as smp
import torch

NETWORKS = {
    "U-Net, ResNet-18": (lambda: smp.Unet("resnet18", encoder_weights=None, classes=4), 3, 256),
    "U-Net, EfficientNet-B4": (lambda: smp.Unet("efficientnet-b4", encoder_weights=None, classes=3, in_channels=4), 4, 256),
    "DeepLabV3+, MobileNetV2": (lambda: smp.DeepLabV3Plus("mobilenet_v2", encoder_weights=None, classes=2), 3, 256),
    "SegFormer, MiT-B0": (lambda: smp.Segformer("mit_b0", encoder_weights=None, classes=5), 3, 256),
    "UPerNet, ConvNeXtV2-T": (lambda: smp.UPerNet("tu-convnextv2_tiny", encoder_weights=None, classes=5), 3, 256),
    "UPerNet, Swin-T": (lambda: smp.UPerNet("tu-swin_tiny_patch4_window7_224", encoder_weights=None, classes=5, img_size=224), 3, 224),
}


def exported(make, bands, side, path, dynamo):
    torch.manual_seed(3)
    net = make().eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    options = {"dynamo": True, "external_data": False, "verbose": False} if dynamo else {"dynamo": False, "opset_version": 17}
    torch.onnx.export(net, (torch.randn(1, bands, side, side),), str(path), input_names=["input"], output_names=["output"], **options)


def scored(program, package, raw, count):
    """Processor time of a process that predicts a window several times, and its answer."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pixels = np.tile(raw.astype("<f4").ravel(), count).tobytes()
    answer = subprocess.run([program, package], input=pixels, capture_output=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, np.frombuffer(answer, "<f4")[: len(answer) // 4 // count]


def main():
    warnings.filterwarnings("ignore")
    # The legacy exporter prints the whole graph where it fails, from C++: only rows go to stdout.
    row = functools.partial(print, file=os.fdopen(os.dup(1), "w"), flush=True)
    os.dup2(2, 1)
    folder, arpent, scores = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    folder.mkdir(parents=True, exist_ok=True)
    row("| network | exporter | ONNX Runtime, ms | rten, ms | ratio | difference |\n|---|---|---|---|---|---|")
    for name, (make, bands, side) in NETWORKS.items():
        for exporter in ("dynamo", "legacy"):
            path = folder / f"{name}-{exporter}.onnx".replace(" ", "").replace(",", "-").lower()
            try:
                exported(make, bands, side, path, exporter == "dynamo")
            except Exception as error:  # What an exporter refuses is a result.
                row(f"| {name} | {exporter} | not exported: {type(error).__name__} | | | |")
                continue
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            # Whole numbers, and the scaling of a package that states none.
            mean, std = np.array([0.485, 0.456, 0.406, 0.45]) * 255, np.array([0.229, 0.224, 0.225, 0.225]) * 255
            raw = (np.arange(bands * side * side) * 7919 % 251).reshape(bands, side, side)
            picture = ((raw - mean[:bands, None, None]) / std[:bands, None, None]).astype(np.float32)[None]
            package = folder / "package"
            shutil.rmtree(package, ignore_errors=True)
            names = ["red", "green", "blue", "nir"][:bands]
            words = [arpent, "model", "import", path, "--bands", ",".join(names), "--window", str(side), "--margin", "0", "--output", package]
            imported = subprocess.run(words, capture_output=True, text=True)
            if imported.returncode:
                row(f"| {name} | {exporter} | {' '.join(imported.stderr.split())} | | | |")
                continue
            theirs, ours = [], []
            for _ in range(5):
                start = time.process_time()
                answer = session.run(None, {"input": picture})[0]
                theirs.append(time.process_time() - start)
                (one, found), (four, _) = (scored(scores, package, raw, count) for count in (1, 4))
                ours.append((four - one) / 3)
            difference = np.abs(found.reshape(answer.shape[1:]) - answer[0]).max() / np.abs(answer).max()
            a, b = min(theirs) * 1000, min(ours) * 1000
            row(f"| {name} | {exporter} | {a:.0f} | {b:.0f} | {b / a:.1f} | {difference:.0e} |")


main()
