"""Do other libraries read what `tetrajet export` writes, to the bit, and do they run it?

    pip install -r Benchmarks/requirements.txt compressed-tensors transformers gguf onnx onnxruntime openvino
    python Benchmarks/exports_elsewhere.py RUN [--images 64]

RUN is a run folder or a checkpoint of a 4-bit method. For every layout the model is exported, each layer's weights are decoded
by the layout's own library, and compared with the values of training's codes (`tetrajet quantize --values`) bit for bit (NVFP4's
in bfloat16, where compressed-tensors has them). Then
each runtime computes logits of the same random images; beside each stands how far they are from those of timm with the same
decoded weights in single precision. A library that is not installed, or does not run the model, is named with its message.
The exit status is 1 if a weight differs anywhere, or if logits differ by more than 1e-3 (5e-2 in bfloat16).
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import torch
from safetensors import safe_open

from pytorch.timm_models import model_from_metadata, relative_l2


class CheckFailed(Exception):
    pass


def load(path):
    """Tensors and metadata of a safetensors file."""
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}


def tetrajet(command, *arguments):
    """Runs the command; its complaint ends everything."""
    done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CheckFailed(f"tetrajet {arguments[0]} ended with status {done.returncode}: {done.stderr.strip()}")


def first_line(error):
    """What went wrong, in a line."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]


def decode_pairs(blocks, scales):
    """The values of two codes a byte, the even element in the low nibble: written anew from the specification."""
    grid = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
    codes = torch.stack([blocks & 15, blocks >> 4], dim=-1).flatten(-2)
    return torch.ldexp(grid[codes.long()], scales.int()[..., None] - 127).flatten(-2)


def from_hf(folder):
    """each pair decoded by the specification"""
    tensors, _ = load(folder / "model.safetensors")
    for name in [key for key in tensors if key.endswith("_blocks")]:
        base = name.removesuffix("_blocks")
        yield base, decode_pairs(tensors[name], tensors[f"{base}_scales"])


def from_compressed_tensors(folder):
    """its own decompressor"""
    from compressed_tensors.compressors.mxfp4 import MXFP4PackedCompressor
    from compressed_tensors.compressors.nvfp4 import NVFP4PackedCompressor
    from compressed_tensors.quantization import QuantizationConfig, QuantizationScheme

    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    config = QuantizationConfig.model_validate(config)
    scheme = QuantizationScheme.model_validate(config.config_groups["group_0"])
    compressor = NVFP4PackedCompressor if config.format == "nvfp4-pack-quantized" else MXFP4PackedCompressor
    tensors, _ = load(folder / "model.safetensors")
    for name in [key for key in tensors if key.endswith(".weight_packed")]:
        base = name.removesuffix("_packed")
        parts = ("packed", "scale", "global_scale")
        state = {f"weight_{part}": tensors[f"{base}_{part}"] for part in parts if f"{base}_{part}" in tensors}
        yield base, compressor.decompress(state, scheme)["weight"]


def from_gguf(path):
    """its own reader and dequantizer"""
    import gguf

    for tensor in gguf.GGUFReader(path).tensors:
        if tensor.tensor_type == gguf.GGMLQuantizationType.MXFP4:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            yield tensor.name, torch.from_numpy(values.reshape(tuple(reversed(tensor.shape.tolist()))).copy())


def from_mlx(folder):
    """its own dequantize"""
    import mlx.core as mx

    tensors = mx.load(str(folder / "model.safetensors"))
    for name in [key for key in tensors if key.endswith(".scales")]:
        base = name.removesuffix(".scales")
        values = mx.dequantize(tensors[f"{base}.weight"], tensors[name], group_size=32, bits=4, mode="mxfp4")
        yield f"{base}.weight", torch.from_numpy(numpy.array(values.astype(mx.float32)))


def from_onnx(path):
    """its reference evaluator, which expands every weight"""
    import onnx
    from onnx.reference import ReferenceEvaluator

    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    # What is transposed to be multiplied, and comes of constants alone, is a weight.
    known = {constant.name for constant in model.graph.initializer}
    weights, nodes = [], []
    for node in model.graph.node:
        if not set(node.input) <= known:
            continue
        if node.op_type == "Transpose" and node.input[0] not in {one.name for one in model.graph.initializer}:
            weights.append(node.input[0])
        else:
            known.update(node.output)
            nodes.append(node)
    outputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in weights]
    graph = onnx.helper.make_graph(nodes, "weights", [], outputs, list(model.graph.initializer))
    found = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    for name, tensor in zip(weights, ReferenceEvaluator(found).run(None, {})):
        yield name, torch.from_numpy(numpy.array(tensor, dtype=numpy.float32))


def run_transformers(folder):
    """transformers with compressed-tensors, in bfloat16"""
    from transformers import AutoModelForImageClassification
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModelForImageClassification.from_pretrained(folder).eval()

    def run(images):
        with torch.no_grad():
            return model(pixel_values=images.bfloat16()).logits.float()

    return run


def run_onnxruntime(path):
    """onnxruntime on the processor"""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


def run_openvino(path, options=(("INFERENCE_PRECISION_HINT", "f32"), ("DYNAMIC_QUANTIZATION_GROUP_SIZE", "0"))):
    """OpenVINO on the processor, in single precision"""
    import openvino

    core = openvino.Core()
    model = core.compile_model(core.read_model(path), "CPU", dict(options))
    return lambda images: torch.from_numpy(next(iter(model({"images": images.numpy()}).values())).copy())


def run_onnx_reference(path):
    """onnx's reference evaluator"""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(path))
    return lambda images: torch.from_numpy(evaluator.run(None, {"images": images.numpy()})[0])


# How far logits may be from single precision.
TOLERANCE = {run_transformers: 0.05, run_onnx_reference: 1e-3, run_onnxruntime: 1e-3, run_openvino: 1e-3}

# name: (arguments of export, the output's name, who decodes, who runs it)
LAYOUTS = {
    "hf": (["--layout", "hf"], "hf", from_hf, []),
    "compressed-tensors": (["--layout", "compressed-tensors"], "ct", from_compressed_tensors, [run_transformers]),
    "gguf": (["--layout", "gguf"], "model.gguf", from_gguf, []),
    "mlx": (["--layout", "mlx"], "mlx", from_mlx, []),
    "onnx": (["--layout", "onnx"], "model.onnx", from_onnx, [run_onnx_reference, run_onnxruntime, run_openvino]),
    "onnx, f32 scales": (
        ["--layout", "onnx", "--scales", "f32"], "f32.onnx", from_onnx, [run_onnxruntime, run_openvino]),
    # OpenVINO folds the table into weights of its own kind, and computes with less than single precision then.
    "onnx, codes by a table": (["--layout", "onnx", "--codes", "table"], "table.onnx", from_onnx, [run_onnxruntime]),
}


def expected_tensors(values):
    """Each layer's values under every name that it may have: timm's, and the rows of queries, keys and values."""
    named = {}
    for name, tensor in values.items():
        named[name] = [tensor]
        if ".attn.qkv." in name:
            named[name] += list(tensor.chunk(3))
    return named


def matches(found, expected, rounds):
    """Whether a decoded tensor is one of the expected ones, to the bit but for the sign of zero; or those rounded to its type."""
    return any(
        found.shape == one.shape and torch.equal(found.float(), (one.to(found.dtype) if rounds else one).float())
        for one in expected)


def check_weights(found, values, rounds):
    """How many decoded tensors are training's; a message for the first that is not."""
    expected = [one for tensors in expected_tensors(values).values() for one in tensors]
    count = elements = 0
    for name, tensor in found:
        if not matches(tensor, expected, rounds):
            raise CheckFailed(f"{name} is not what training multiplied with")
        count, elements = count + 1, elements + tensor.numel()
    total = sum(tensor.numel() for tensor in values.values())
    if elements != total:
        raise CheckFailed(f"{elements} elements were found, training has {total}")
    return count


def main():
    parser = argparse.ArgumentParser(description="reads and runs exported models with other libraries")
    parser.add_argument("run", type=Path)
    parser.add_argument("--tetrajet", default=".build/release/tetrajet", help="the built command")
    parser.add_argument("--images", type=int, default=4, help="random images to run")
    args = parser.parse_args()
    checkpoint = args.run / "last.safetensors" if args.run.is_dir() else args.run
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tetrajet(args.tetrajet, "quantize", checkpoint, folder / "values", "--values")
        quantized, formats = load(folder / "values")
        values = {
            key.removesuffix(".values"): value for key, value in quantized.items() if key.endswith(".values")}
        tensors, metadata = load(checkpoint)
        model = model_from_metadata(metadata)
        model.load_state_dict({key: value for key, value in tensors.items() if not key.endswith(".ema")} | values)
        size = int(metadata["img_size"])
        torch.manual_seed(0)
        images = torch.randn(args.images, int(metadata.get("in_chans", 3)), size, size)
        with torch.no_grad():
            logits = model.eval()(images)
        for layout, (arguments, name, reader, runners) in LAYOUTS.items():
            # NVFP4's values take more digits than bfloat16 has, which is what compressed-tensors decodes to.
            is_nvfp4 = formats.get("element_format") == "nvfp4"
            if is_nvfp4 and layout != "compressed-tensors":
                continue
            if metadata["architecture"] == "deit3" and layout in ("hf", "compressed-tensors"):
                print(f"{layout}: transformers have no DeiT-III", flush=True)
                continue
            output = folder / name
            try:
                tetrajet(args.tetrajet, "export", args.run, output, *arguments)
                count = check_weights(reader(output), values, rounds=is_nvfp4)
                digits = "in bfloat16" if is_nvfp4 else "to the bit"
                print(f"{layout}: {count} tensors are training's {digits}, read by {reader.__doc__}", flush=True)
            except CheckFailed as error:
                print(f"{layout}: FAILED: {error}", flush=True)
                failed = True
                continue
            except Exception as error:  # Whatever a library throws is its answer.
                print(f"{layout}: not read: {first_line(error)}", flush=True)
            for runner in runners:
                try:
                    error = relative_l2(runner(output)(images), logits)
                except Exception as error_:
                    print(f"  {runner.__doc__}: does not run it: {first_line(error_)}", flush=True)
                    continue
                print(f"  {runner.__doc__}: logits differ by {error:.2g} (relative, from timm in single precision)", flush=True)
                failed |= error > TOLERANCE[runner]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    try:
        main()
    except CheckFailed as failure:
        sys.exit(f"exports_elsewhere: {failure}")
