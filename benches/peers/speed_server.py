"""A server process that runs a network: one of the children of speed.py.

    python benches/peers/speed_server.py ENGINE FILE.onnx|PACKAGE --threads 2 --size 512 [--input CHIP.npy]

ENGINE is `onnxruntime` (of a file of export_onnx.py), `pytorch` (values of a pixel side by side in memory, which its
convolutions like best) or `pytorch-default` (of a package, or of weights of windows.py). Asked by lines on standard input:

- `run` predicts one chip and prints the milliseconds;
- `save PATH` writes the last answer, float32 [1, classes, height, width], and prints `saved`;
- `quit` ends.

`arpent-benches network PACKAGE --size 512 --threads 2 [--input CHIP.npy]` understands the same lines.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

# Libraries are imported by the engine that needs them: no engine shares its process with the threads of another.


def onnxruntime(path, threads, chip):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # Idle threads would otherwise spin on a core on which another engine is measured.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: chip})[0]


def pytorch(path, threads, chip, side_by_side=True):
    import torch

    torch.set_num_threads(threads)
    layout = torch.channels_last if side_by_side else torch.contiguous_format
    network = load(path, chip.shape[-1]).to(memory_format=layout)
    x = torch.from_numpy(chip).to(memory_format=layout)

    @torch.inference_mode()
    def run():
        return network(x).numpy()

    return run


def pytorch_default(path, threads, chip):
    return pytorch(path, threads, chip, side_by_side=False)


ENGINES = {"onnxruntime": onnxruntime, "pytorch": pytorch, "pytorch-default": pytorch_default}


def load(path, size):
    """PyTorch's network of a package, or of weights of windows.py."""
    if path.suffix == ".safetensors":
        import windows

        return windows.load(path, size)
    import export_onnx

    return export_onnx.network(path)


def bands(path):
    if path.suffix == ".onnx":
        import onnx

        return onnx.load(path).graph.input[0].type.tensor_type.shape.dim[1].dim_value
    import export_onnx

    return export_onnx.channels(export_onnx.describe(path))


def serve(run):
    """Processes commands until `quit` or the end of the input."""
    answer = None
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "quit":
            return
        if word == "run":
            start = time.perf_counter()
            answer = run()
            print(f"{1e3 * (time.perf_counter() - start):.3f}", flush=True)
        elif word == "save":
            np.save(rest, np.ascontiguousarray(answer, np.float32))
            print("saved", flush=True)
        else:
            raise SystemExit(f"no command `{word}`: expected run, save or quit")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=512, help="side of the chip, pixels")
    parser.add_argument(
        "--input", type=Path, help="the chip, float32 [1, bands, height, width]; else a random one"
    )
    given = parser.parse_args()
    if given.input:
        chip = np.load(given.input)
    else:
        shape = 1, bands(given.model), given.size, given.size
        chip = np.random.default_rng(0).standard_normal(shape, np.float32)
    serve(ENGINES[given.engine](given.model, given.threads, chip))


if __name__ == "__main__":
    main()
