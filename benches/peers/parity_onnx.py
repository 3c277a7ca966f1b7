"""Small ONNX files for the reader: written by PyTorch's exporters and by `onnx` itself; to read, and to refuse."""

import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import formula
from fixture import NETWORKS, number, versions, write

# Of the tensors in `kinds.onnx`.
DTYPES = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
    TensorProto.INT64: "int64",
    TensorProto.UINT8: "uint8",
    TensorProto.BOOL: "bool",
}


class Net(nn.Module):
    """A convolution with its normalization, one of the same numbers, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.again = nn.BatchNorm2d(4)
        self.linear = nn.Linear(4, 2)
        state = self.state_dict()
        for key, value in state.items():
            name = key.replace("again", "bn")
            state[key] = torch.from_numpy(np.asarray(formula.tensor(name, tuple(value.shape))))
        self.load_state_dict(state)
        self.eval()

    def forward(self, picture):
        features = torch.relu(self.again(torch.relu(self.bn(self.conv(picture)))))
        return self.linear(features.permute(0, 2, 3, 1))


def exported(name, **options):
    """Without notes on where the code of the network lies. Data in a second file is not kept."""
    path = NETWORKS / name
    torch.onnx.export(Net(), (torch.zeros(1, 3, 8, 8),), str(path), **options)
    model = onnx.load(path, load_external_data=False)
    for thing in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del thing.metadata_props[:]
        thing.doc_string = ""
    path.with_suffix(".onnx.data").unlink(missing_ok=True)
    return model


def graph(nodes, initializers, sparse=()):
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 8, 8])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 4, 6, 6])
    made = helper.make_graph(nodes, "graph", [picture], [scores], initializers, sparse_initializer=sparse)
    return helper.make_model(made, producer_name="peers", opset_imports=[helper.make_opsetid("", 21)])


def conv(weight="conv.weight"):
    return helper.make_node("Conv", ["picture", weight], ["scores"], "/conv/Conv")


def weight(name="conv.weight", kind=np.float32):
    return numpy_helper.from_array(formula.tensor("conv.weight", (4, 3, 3, 3)).astype(kind), name)


def kinds():
    """Numbers of every kind, as bytes and as lists."""
    values = [0.0, 0.25, -1.5, 1e-3]
    kinds = [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE]
    tensors = [weight()]
    for kind in kinds:
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        tensors.append(helper.make_tensor(f"list.{DTYPES[kind]}", kind, [2, 2], values))
        raw = np.asarray(values, dtype).tobytes()
        tensors.append(helper.make_tensor(f"bytes.{DTYPES[kind]}", kind, [2, 2], raw, raw=True))
    tensors.append(helper.make_tensor("scalar", TensorProto.FLOAT, [], [7.0]))
    tensors.append(helper.make_tensor("empty", TensorProto.FLOAT, [0, 3], []))
    tensors.append(helper.make_tensor("int64", TensorProto.INT64, [2], [1, -1]))
    tensors.append(helper.make_tensor("uint8", TensorProto.UINT8, [2], [0, 255]))
    tensors.append(helper.make_tensor("bool", TensorProto.BOOL, [2], [True, False]))
    return graph([conv()], tensors)


def quantized():
    node = helper.make_node("DequantizeLinear", ["conv.weight_quantized", "scale"], ["conv.weight"])
    weights = numpy_helper.from_array(np.zeros((4, 3, 3, 3), np.int8), "conv.weight_quantized")
    return graph([node, conv()], [weights, helper.make_tensor("scale", TensorProto.FLOAT, [], [0.1])])


def sparse():
    values = helper.make_tensor("conv.weight", TensorProto.FLOAT, [2], [1.0, 2.0])
    places = helper.make_tensor("places", TensorProto.INT64, [2], [3, 7])
    tensor = helper.make_sparse_tensor(values, places, [4, 3, 3, 3])
    return graph([conv()], [helper.make_tensor("other", TensorProto.FLOAT, [1], [0.0])], [tensor])


def constants():
    node = helper.make_node("Constant", [], ["conv.weight"], value=weight("value"))
    return graph([node, conv()], [helper.make_tensor("other", TensorProto.FLOAT, [1], [0.0])])


def expected(model):
    """What a reader has to find: the stored tensors, and those that an Identity node says are equal to one."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Identity" and node.input[0] in stored and "::" not in node.output[0]:
            stored[node.output[0]] = stored[node.input[0]]
    rows = []
    for name, tensor in stored.items():
        kept = [number(v) for v in numpy_helper.to_array(tensor).astype(np.float64).flatten()]
        rows.append({"key": name, "dtype": DTYPES[tensor.data_type], "shape": list(tensor.dims), "values": kept})
    return rows


def main():
    warnings.filterwarnings("ignore")
    NETWORKS.mkdir(parents=True, exist_ok=True)
    plain = {"dynamo": True, "optimize": False, "external_data": False, "verbose": False}
    preserved = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    state = {key for key in Net().state_dict() if not key.endswith("num_batches_tracked")}
    files = [
        ("exported.onnx", exported("exported.onnx", **plain), None),
        ("preserved.onnx", exported("preserved.onnx", dynamo=False, **preserved), None),
        ("half.onnx", graph([conv()], [weight(kind=np.float16)]), None),
        ("kinds.onnx", kinds(), None),
        ("folded.onnx", exported("folded.onnx", dynamo=False), "onnx::"),
        ("optimized.onnx", exported("optimized.onnx", **{**plain, "optimize": True}), "folded into the convolution"),
        ("external.onnx", exported("external.onnx", **{**plain, "external_data": True}), "external.onnx.data"),
        ("quantized.onnx", quantized(), "DequantizeLinear"),
        ("sparse.onnx", sparse(), "sparse"),
        ("constants.onnx", constants(), "Constant"),
    ]
    rows = []
    for name, model, refused in files:
        path = NETWORKS / name
        path.write_bytes(model.SerializeToString(deterministic=True))
        assert path.stat().st_size < 20_000, path
        if name != "external.onnx":
            onnx.checker.check_model(model)
        tensors = [] if refused else expected(model)
        if name in ("exported.onnx", "preserved.onnx"):
            assert {row["key"] for row in tensors} >= state, name
        rows.append({"file": name, "producer": model.producer_name, "refused": refused, "tensors": tensors})
    write(NETWORKS / "onnx.json", {"versions": {**versions(), "onnx": onnx.__version__}, "files": rows})
