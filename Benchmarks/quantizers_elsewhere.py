"""Does `tetrajet verify` know how other libraries make MXFP4?

    pip install numpy safetensors torch torchao compressed-tensors gguf onnx "mlx[cpu]"
    python Benchmarks/quantizers_elsewhere.py

Each library quantizes the same random matrix by its own code and writes it down as it does; `tetrajet verify --against` is asked
which scale rule and which rounding that was. A library that is not installed is named with its message. The exit status is 1
where a file is not explained, or by another rule than the library documents.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
from safetensors.numpy import save_file

NAME = "blk.0.ffn_up"


def by_ggml(weight, path):
    """ggml's Python package"""
    import gguf

    kind = gguf.GGMLQuantizationType.MXFP4
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor(f"{NAME}.weight", gguf.quants.quantize(weight, kind), raw_dtype=kind)
    writer.add_tensor("output_norm.weight", numpy.ones(weight.shape[1], numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def by_mlx(weight, path):
    """mlx"""
    import mlx.core as mx

    codes, scales = mx.quantize(mx.array(weight), group_size=32, bits=4, mode="mxfp4")[:2]
    mx.save_safetensors(str(path), {f"{NAME}.weight": codes, f"{NAME}.scales": scales})


def by_compressed_tensors(weight, path):
    """compressed-tensors"""
    import torch
    from compressed_tensors.compressors.mxfp4.base import MXFP4PackedCompressor
    from compressed_tensors.quantization import preset_name_to_scheme
    from compressed_tensors.quantization.utils import calculate_qparams

    scheme = preset_name_to_scheme("MXFP4A16", ["Linear"])
    weight = torch.from_numpy(weight)
    groups = weight.reshape(weight.shape[0], -1, 32)
    scales, _ = calculate_qparams(groups.amin(-1), groups.amax(-1), scheme.weights)
    packed = MXFP4PackedCompressor.compress({"weight": weight, "weight_scale": scales}, scheme)
    save_file({f"{NAME}.{key}": value.contiguous().numpy() for key, value in packed.items()}, path)


def by_torchao(mode):
    """A quantizer of torchao's by one of its ways to choose scales."""

    def quantize(weight, path):
        import torch
        from torchao.prototype.mx_formats.mx_tensor import ScaleCalculationMode, to_mx

        scales, codes = to_mx(
            torch.from_numpy(weight), torch.float4_e2m1fn_x2, 32, getattr(ScaleCalculationMode, mode))
        rows, columns = weight.shape
        save_file(
            {
                f"{NAME}.weight_blocks": codes.view(torch.uint8).contiguous().numpy().reshape(rows, columns // 32, 16),
                f"{NAME}.weight_scales": scales.view(torch.uint8).contiguous().numpy(),
            },
            path)

    quantize.__doc__ = f"torchao, {mode}"
    return quantize


def by_onnx(weight, path):
    """onnx (scales by OCP's rule, codes by its own conversion to FLOAT4E2M1)"""
    import ml_dtypes
    import onnx
    from onnx import TensorProto, helper

    groups = weight.reshape(weight.shape[0], -1, 32)
    exponents = numpy.floor(numpy.log2(numpy.abs(groups).max(-1))).astype(int) - 2
    scaled = numpy.clip(groups / numpy.exp2(exponents)[..., None], -6, 6).reshape(weight.shape)
    codes = scaled.astype(ml_dtypes.float4_e2m1fn).view(numpy.uint8)
    packed = (codes[:, ::2] & 15 | codes[:, 1::2] << 4).tobytes()
    scales = (exponents + 127).astype(numpy.uint8)
    node = helper.make_node(
        "DequantizeLinear", [f"{NAME}.weight", "scales"], ["y"], axis=-1, block_size=32,
        output_dtype=TensorProto.FLOAT)
    graph = helper.make_graph(
        [node], "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, weight.shape)],
        [
            helper.make_tensor(f"{NAME}.weight", TensorProto.FLOAT4E2M1, weight.shape, packed, raw=True),
            helper.make_tensor("scales", TensorProto.FLOAT8E8M0, scales.shape, scales.tobytes(), raw=True),
        ])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)]), path)


# What each documents, or its source says.
LIBRARIES = [
    (by_ggml, "model.gguf", "floor"),
    (by_mlx, "mlx.safetensors", "truncation-free"),
    (by_compressed_tensors, "compressed.safetensors", "even"),
    (by_torchao("FLOOR"), "floor.safetensors", "floor"),
    (by_torchao("CEIL"), "ceil.safetensors", "ceil"),
    (by_torchao("RCEIL"), "rceil.safetensors", "truncation-free"),
    (by_torchao("EVEN"), "even.safetensors", "even"),
    (by_onnx, "model.onnx", "floor"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tetrajet", default=".build/release/tetrajet", help="the command")
    args = parser.parse_args()
    random = numpy.random.default_rng(0)
    # Rows of many sizes, so that the largest magnitudes of groups spread evenly between powers of two.
    sizes = numpy.exp2(random.uniform(-8, 0, (256, 1)))
    weight = (random.standard_normal((256, 512)) * sizes).astype(numpy.float32)
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source.safetensors"
        save_file({f"{NAME}.weight": weight}, source)
        for library, file, expected in LIBRARIES:
            try:
                library(weight, folder / file)
            except Exception as error:  # Whatever a library throws is its answer.
                print(f"{library.__doc__}: writes nothing: {type(error).__name__}: {error}"[:300], flush=True)
                continue
            done = subprocess.run(
                [args.tetrajet, "verify", str(folder / file), "--against", str(source), "--json"], capture_output=True,
                text=True, check=False)
            if not done.stdout:
                print(f"{library.__doc__}: FAILED: {done.stderr.strip()}", flush=True)
                failed = True
                continue
            found = json.loads(done.stdout)
            groups = found["source"]["groups"]
            rules = [rule for rule, count in found["source"]["groups_by_scale_rule"].items() if count == groups]
            roundings = [name for name, count in found["source"]["groups_by_rounding"].items() if count == groups]
            print(
                f"{library.__doc__}: {found['layouts'][0]}, scales {' or '.join(rules) or 'by no rule'}, rounding "
                f"{' or '.join(roundings) or 'by no rule'}", flush=True)
            failed |= rules != [expected] or done.returncode != 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
