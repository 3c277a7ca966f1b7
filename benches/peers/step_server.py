"""A server process that runs PyTorch's training steps: one of the children of speed_step.py.

    python benches/peers/step_server.py ENCODER [--batch 4] [--size 256] [--classes 19] [--threads 2] [--layout default]

Each line `run` on standard input does a step on random chips (cross-entropy, its gradients, AdamW) and prints its
milliseconds; `quit` ends. `arpent-benches step ENCODER` understands the same lines.
"""

import argparse
import sys
import time

import segmentation_models_pytorch as smp
import torch

LAYOUTS = {"default": torch.contiguous_format, "channels-last": torch.channels_last}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("encoder")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--classes", type=int, default=19)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layout", choices=LAYOUTS, default="default")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    layout = LAYOUTS[given.layout]
    name = given.encoder.replace("-", "_")
    network = smp.Unet(name, encoder_weights=None, classes=given.classes).train().to(memory_format=layout)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    chips = torch.randn(given.batch, 3, given.size, given.size).to(memory_format=layout)
    truth = torch.randint(given.classes, (given.batch, given.size, given.size))

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(network(chips), truth)
        loss.backward()
        optimizer.step()
        return loss.item()

    for line in sys.stdin:
        if line.strip() == "quit":
            return
        start = time.perf_counter()
        step()
        print(f"{1e3 * (time.perf_counter() - start):.3f}", flush=True)


if __name__ == "__main__":
    main()
