"""How each library is asked, and what it says that it does: one class a library.

All take and give numpy arrays. Rows are [rows, columns] in single precision with whole groups of
32; scale bytes are [rows, groups], codes [rows, columns], one a byte. A method that a library has
no counterpart of stays None, and is not asked for.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import subprocess
import tempfile

import mxfp4
import numpy as np
import nvfp4
import tensorfile


NotInstalled = importlib.metadata.PackageNotFoundError


class Library:
    name = ""
    # The scale rules that it has, under the vectors' names, with its own name for each.
    rules = {}
    # What it does between two codes: "even", "away" from zero, or to the "lower" magnitude.
    ties = "even"
    # Whether the last group of a row may be short.
    takes_short_groups = False
    # The ways in which numbers are cast to scales: some of "nearest", "up", "down".
    casts = ()

    element_values = None  # codes [n] -> values [n]
    element_codes = None  # values [n] -> codes [n]
    scale_values = None  # bytes [n] -> values [n]
    scale_bytes = None  # values [n], cast -> bytes [n]
    encode = None  # rows, rule -> scale bytes, codes
    decode = None  # scale bytes, codes -> rows
    writes = {}  # layout -> function(scale bytes [g], codes [n]) -> bytes
    reads = {}  # layout -> function(scale bytes [g], bytes) -> values [n]
    # NVFP4: its rules, as above; and why codes beside a threshold may be the next ones, if they may.
    nvfp4_rules = {}
    nvfp4_rounds_otherwise = None
    e4m3_values = None  # bytes [n] -> values [n]
    e4m3_bytes = None  # values [n] -> bytes [n], to the nearest
    encode_nvfp4 = None  # values [n], rule -> outer scale, scale bytes [g], codes [n]
    decode_nvfp4 = None  # outer scale, scale bytes [g], codes [n] -> values [n]

    def __init__(self):
        self.version = importlib.metadata.version(self.name)


def unpacked(blocks):
    """Bytes [..., n] -> codes [..., 2n], the low nibble first."""
    blocks = np.asarray(blocks, np.uint8)
    return np.stack([blocks & 15, blocks >> 4], axis=-1).reshape(*blocks.shape[:-1], -1)


def packed(codes):
    codes = np.ascontiguousarray(codes, np.uint8)
    return codes[..., ::2] | codes[..., 1::2] << 4


def padded(row, size):
    """A row with zeros behind it, up to a multiple of a size."""
    return np.pad(row, (0, -len(row) % size))


def from_bytes(data):
    return np.frombuffer(data, np.uint8)


MAGNITUDES = np.array([doubled / 2 for doubled in mxfp4.DOUBLED], np.float32)


def element_values(codes):
    """Values of codes under the scale 1."""
    values = MAGNITUDES[np.asarray(codes) & 7]
    return np.where(np.asarray(codes) > 7, -values, values).astype(np.float32)


def scale_bytes_of(values):
    """The bytes of scales that are given as numbers: the exponent, and 0 for 2^-127."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    whole = (bits & 0x807FFFFF == 0) | (bits == 0x00400000) | np.isnan(values)
    if not whole.all():
        raise ValueError(f"{values[~whole][0]} is no scale")
    return np.where(np.isnan(values), 255, bits >> 23).astype(np.uint8)


def same_bits(a, b):
    """Where two arrays hold the same numbers, bit by bit; a NaN is any NaN."""
    a, b = np.ascontiguousarray(a, np.float32), np.ascontiguousarray(b, np.float32)
    return (a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))


def exact_values(scales, codes):
    """Rows of values by the definition."""
    bits = [mxfp4.decode_bits(s.tolist(), c.tolist()) for s, c in zip(scales, codes)]
    return np.array(bits, np.uint32).view(np.float32)


class MLDTypes(Library):
    name = "ml_dtypes"
    casts = ("nearest",)

    def __init__(self):
        super().__init__()
        import ml_dtypes

        self.element, self.scale = ml_dtypes.float4_e2m1fn, ml_dtypes.float8_e8m0fnu
        self.number = ml_dtypes.float8_e4m3fn

    def e4m3_values(self, scales):
        return scales.view(self.number).astype(np.float32)

    def e4m3_bytes(self, values):
        return values.astype(self.number).view(np.uint8)

    def element_values(self, codes):
        return codes.view(self.element).astype(np.float32)

    def element_codes(self, values):
        return values.astype(self.element).view(np.uint8)

    def scale_values(self, scales):
        return scales.view(self.scale).astype(np.float32)

    def scale_bytes(self, values, cast):
        return values.astype(self.scale).view(np.uint8)


class Torch(Library):
    """float4_e2m1fn_x2 is storage only: PyTorch casts nothing to it."""

    name = "torch"
    casts = ("nearest",)

    def __init__(self):
        super().__init__()
        import torch

        self.torch = torch

    def e4m3_values(self, scales):
        return self.torch.from_numpy(scales).view(self.torch.float8_e4m3fn).float().numpy()

    def e4m3_bytes(self, values):
        scales = self.torch.from_numpy(values).to(self.torch.float8_e4m3fn)
        return scales.view(self.torch.uint8).numpy()

    def scale_values(self, scales):
        return self.torch.from_numpy(scales).view(self.torch.float8_e8m0fnu).float().numpy()

    def scale_bytes(self, values, cast):
        scales = self.torch.from_numpy(values).to(self.torch.float8_e8m0fnu)
        return scales.view(self.torch.uint8).numpy()


class TorchAO(Library):
    name = "torchao"
    rules = {"floor": "FLOOR", "ceil": "CEIL", "even": "EVEN", "truncation-free": "RCEIL"}
    nvfp4_rules = {"even": "NVFP4"}
    nvfp4_rounds_otherwise = "multiplies by the reciprocal of both scales"

    def __init__(self):
        super().__init__()
        import torch
        from torchao.prototype.mx_formats import kernels, mx_tensor, nvfp4_tensor
        from torchao.prototype.mx_formats.config import ScaleCalculationMode

        self.torch, self.kernels, self.mx = torch, kernels, mx_tensor
        self.nvfp4 = nvfp4_tensor
        self.modes = ScaleCalculationMode
        self.writes = {"blocks": lambda scales, codes: self.pack(codes).tobytes()}
        self.reads = {
            "blocks": lambda scales, data: self.decode(
                scales[None], self.unpack(from_bytes(data))[None]
            )[0]
        }

    def pack(self, codes):
        return self.kernels.pack_uint4(self.torch.from_numpy(codes.copy())).numpy()

    def unpack(self, blocks):
        return self.kernels.unpack_uint4(self.torch.from_numpy(blocks.copy())).numpy()

    def element_values(self, codes):
        return self.kernels.f4_unpacked_to_f32(self.torch.from_numpy(codes)).numpy()

    def element_codes(self, values):
        return self.kernels.f32_to_f4_unpacked(self.torch.from_numpy(values)).numpy()

    def scale_values(self, scales):
        return self.mx.get_fp_scale(self.torch.from_numpy(scales)).numpy()

    def encode(self, rows, rule):
        scales, data = self.mx.to_mx(
            self.torch.from_numpy(rows),
            self.torch.float4_e2m1fn_x2,
            32,
            self.modes[self.rules[rule]],
        )
        return scales.view(self.torch.uint8).numpy(), unpacked(data.view(self.torch.uint8).numpy())

    def encode_nvfp4(self, values, rule):
        row = self.torch.from_numpy(values.copy())[None]
        outer = self.nvfp4.per_tensor_amax_to_scale(row.abs().amax())
        scales, data = self.nvfp4.nvfp4_quantize(row, 16, outer)
        codes = unpacked(data.view(self.torch.uint8).numpy())[0]
        return outer.item(), scales.view(self.torch.uint8).numpy()[0], codes

    def decode(self, scales, codes):
        return self.mx.to_dtype(
            self.torch.from_numpy(packed(codes)),
            self.torch.from_numpy(scales.copy()).view(self.torch.float8_e8m0fnu),
            self.torch.float4_e2m1fn_x2,
            32,
            self.torch.float32,
        ).numpy()


class CompressedTensors(Library):
    name = "compressed-tensors"
    rules = {"even": "MXFP4"}
    nvfp4_rules = {"even": "NVFP4"}
    nvfp4_rounds_otherwise = "divides by the scale over a global one"

    def __init__(self):
        super().__init__()
        import torch
        from compressed_tensors.compressors.mxfp4.base import MXFP4PackedCompressor
        from compressed_tensors.compressors.nvfp4 import helpers
        from compressed_tensors.compressors.nvfp4.base import NVFP4PackedCompressor
        from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
        from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam

        self.torch, self.compressor, self.helpers = torch, MXFP4PackedCompressor, helpers
        self.find_scales = calculate_qparams

        def arguments(strategy, size, scale):
            return QuantizationArgs(
                num_bits=4,
                type="float",
                strategy=strategy,
                group_size=size,
                symmetric=True,
                scale_dtype=scale,
            )

        self.arguments = arguments("group", 32, torch.uint8)
        self.scheme = QuantizationScheme(targets=["Linear"], weights=self.arguments)
        self.nvfp4, self.global_scale = NVFP4PackedCompressor, generate_gparam
        self.nvfp4_arguments = arguments("tensor_group", 16, torch.float8_e4m3fn)
        self.nvfp4_scheme = QuantizationScheme(targets=["Linear"], weights=self.nvfp4_arguments)
        self.writes = {"blocks": self.write}
        self.reads = {"blocks": self.read}

    def write(self, scales, codes):
        values = element_values(codes)[None]
        return self.helpers.pack_fp4_to_uint8(self.torch.from_numpy(values)).numpy().tobytes()

    def read(self, scales, data):
        return self.decode(scales[None], unpacked(from_bytes(data))[None])[0]

    def encode(self, rows, rule):
        weight = self.torch.from_numpy(rows.copy())
        groups = weight.reshape(len(rows), -1, 32)
        scale, _ = self.find_scales(groups.amin(-1), groups.amax(-1), self.arguments)
        state = {"weight": weight, "weight_scale": scale}
        state = self.compressor.compress(state, self.scheme)
        return state["weight_scale"].numpy(), unpacked(state["weight_packed"].numpy())

    def decode(self, scales, codes):
        state = {
            "weight_packed": self.torch.from_numpy(packed(codes)),
            "weight_scale": self.torch.from_numpy(scales.copy()),
        }
        return self.compressor.decompress(state, self.scheme)["weight"].float().numpy()


    def encode_nvfp4(self, values, rule):
        """The global scale is a reciprocal: what multiplies all scales is one over it. (It decodes to bfloat16 alone, which is
        not asked for.)"""
        weight = self.torch.from_numpy(values.copy())[None]
        groups = weight.reshape(1, -1, 16)
        whole = self.global_scale(weight.amin(), weight.amax())
        scale, _ = self.find_scales(
            groups.amin(-1), groups.amax(-1), self.nvfp4_arguments, global_scale=whole
        )
        state = {"weight": weight, "weight_scale": scale, "weight_global_scale": whole}
        state = self.nvfp4.compress(state, self.nvfp4_scheme)
        scales = state["weight_scale"].view(self.torch.uint8).numpy()[0]
        with np.errstate(divide="ignore"):
            outer = 1 / whole.numpy()[0]
        return outer, scales, unpacked(state["weight_packed"].numpy())[0]


class GGUF(Library):
    """The Python package of llama.cpp. It takes the first of its sixteen values that is nearest."""

    name = "gguf"
    rules = {"floor": "MXFP4"}
    ties = "lower"

    def __init__(self):
        super().__init__()
        from gguf import GGMLQuantizationType, quants

        self.quants, self.type = quants, GGMLQuantizationType.MXFP4
        self.reads = {
            "gguf": lambda scales, data: quants.dequantize(from_bytes(data)[None], self.type)[0]
        }

    def encode(self, rows, rule):
        data = self.quants.quantize(rows, self.type).reshape(len(rows), -1, 17)
        halves = data[..., 1:]
        codes = np.concatenate([halves & 15, halves >> 4], axis=-1)
        return data[..., 0], codes.reshape(len(rows), -1)

    def decode(self, scales, codes):
        data = [mxfp4.gguf_blocks(s.tolist(), c.tolist()) for s, c in zip(scales, codes)]
        return self.quants.dequantize(np.stack([from_bytes(row) for row in data]), self.type)


class MLX(Library):
    """Since ml-explore/mlx#4353 scales are rounded up, on every device. The processor's way takes
    the first of the sixteen values that is nearest; Metal's kernel rounds ties to even. Groups
    of 16 must be an even number."""

    name = "mlx"
    ties = "lower"
    rules = {"truncation-free": "mxfp4"}
    nvfp4_rules = {"even": "nvfp4"}

    def __init__(self):
        super().__init__()
        import mlx.core as mx

        self.mx = mx
        self.reads = {"mlx": self.read}

    def read(self, scales, data):
        return self.dequantize(np.frombuffer(data, np.uint32)[None], scales[None])[0]

    def dequantize(self, words, scales):
        values = self.mx.dequantize(
            self.mx.array(words),
            self.mx.array(scales),
            group_size=32,
            bits=4,
            mode="mxfp4",
            dtype=self.mx.float32,
        )
        return np.array(values)

    def encode(self, rows, rule):
        result = self.mx.quantize(self.mx.array(rows), group_size=32, bits=4, mode="mxfp4")
        words, scales = np.array(result[0]), np.array(result[1])
        return scales, unpacked(words.view(np.uint8))

    def decode(self, scales, codes):
        return self.dequantize(packed(codes).view(np.uint32), scales)

    def nvfp4(self, outer):
        """The global scale is the largest magnitude: what multiplies all scales is a 2688th of it."""
        largest = self.mx.array(np.float32(outer) * np.float32(2688))
        return dict(group_size=16, bits=4, mode="nvfp4", global_scale=largest)

    def encode_nvfp4(self, values, rule):
        outer = np.abs(values).max() / np.float32(2688)
        row = padded(values, 32)[None]
        result = self.mx.quantize(self.mx.array(row), **self.nvfp4(outer))
        words, scales = np.array(result[0]), np.array(result[1])
        return outer, scales[0, : len(values) // 16], unpacked(words.view(np.uint8))[0]

    def decode_nvfp4(self, outer, scales, codes):
        words = packed(padded(codes, 32))[None].view(np.uint32)
        scales = padded(scales, 2)[None]
        values = self.mx.dequantize(
            self.mx.array(words), self.mx.array(scales), dtype=self.mx.float32, **self.nvfp4(outer)
        )
        return np.array(values)[0, : len(codes)]


class ONNX(Library):
    """The reference evaluator: Cast and DequantizeLinear."""

    name = "onnx"
    casts = ("up", "nearest", "down")

    def __init__(self):
        super().__init__()
        import ml_dtypes
        import onnx
        import onnx.reference

        self.onnx, self.types = onnx, onnx.TensorProto
        self.element, self.scale = ml_dtypes.float4_e2m1fn, ml_dtypes.float8_e8m0fnu
        self.number = ml_dtypes.float8_e4m3fn
        self.writes = {"blocks": self.write}
        self.reads = {"blocks": self.read}

    def run(self, operator, kinds, inputs, **attributes):
        make = self.onnx.helper
        names = [f"input{place}" for place in range(len(inputs))]
        graph = make.make_graph(
            [make.make_node(operator, names, ["output"], **attributes)],
            operator,
            [make.make_tensor_value_info(name, kind, None) for name, kind in zip(names, kinds)],
            [make.make_tensor_value_info("output", kinds[-1], None)],
        )
        model = make.make_model(graph, opset_imports=[make.make_opsetid("", 25)])
        return self.onnx.reference.ReferenceEvaluator(model).run(None, dict(zip(names, inputs)))[0]

    def write(self, scales, codes):
        return self.onnx.numpy_helper.from_array(codes.copy().view(self.element)).raw_data

    def read(self, scales, data):
        tensor = self.types(data_type=self.types.FLOAT4E2M1, dims=[2 * len(data)], raw_data=data)
        return self.decode(
            scales[None], self.onnx.numpy_helper.to_array(tensor).view(np.uint8)[None]
        )[0]

    def element_values(self, codes):
        inputs = [codes.view(self.element)]
        return self.run("Cast", [self.types.FLOAT4E2M1], inputs, to=self.types.FLOAT)

    def element_codes(self, values):
        result = self.run("Cast", [self.types.FLOAT], [values], to=self.types.FLOAT4E2M1)
        return result.view(np.uint8)

    def scale_values(self, scales):
        inputs = [scales.view(self.scale)]
        return self.run("Cast", [self.types.FLOAT8E8M0], inputs, to=self.types.FLOAT)

    def scale_bytes(self, values, cast):
        kind = self.types.FLOAT8E8M0
        result = self.run("Cast", [self.types.FLOAT], [values], to=kind, round_mode=cast)
        return result.view(np.uint8)

    def decode(self, scales, codes):
        return self.run(
            "DequantizeLinear",
            [self.types.FLOAT4E2M1, self.types.FLOAT8E8M0],
            [codes.copy().view(self.element), scales.copy().view(self.scale)],
            axis=1,
            block_size=32,
            output_dtype=self.types.FLOAT,
        )

    def e4m3_values(self, scales):
        inputs = [scales.copy().view(self.number)]
        return self.run("Cast", [self.types.FLOAT8E4M3FN], inputs, to=self.types.FLOAT)

    def e4m3_bytes(self, values):
        kind = self.types.FLOAT8E4M3FN
        return self.run("Cast", [self.types.FLOAT], [values], to=kind).view(np.uint8)

    def decode_nvfp4(self, outer, scales, codes):
        """Dequantized scales dequantize the codes, as in exported models."""
        types = self.types
        scales = self.run(
            "DequantizeLinear",
            [types.FLOAT8E4M3FN, types.FLOAT],
            [scales.copy().view(self.number), np.float32(outer)],
        )
        return self.run(
            "DequantizeLinear",
            [types.FLOAT4E2M1, types.FLOAT],
            [codes.copy().view(self.element), scales],
            axis=0,
            block_size=16,
        )


class ONNXRuntime(Library):
    """Casts to FLOAT8E8M0 on the processor; it has none to FLOAT4E2M1."""

    name = "onnxruntime"
    casts = ("up", "nearest", "down")

    def __init__(self):
        super().__init__()
        import ml_dtypes
        import onnx
        import onnxruntime

        self.onnx, self.runtime, self.types = onnx, onnxruntime, onnx.TensorProto
        self.scale = ml_dtypes.float8_e8m0fnu

    def cast(self, source, target, values, through=None, **attributes):
        make = self.onnx.helper
        nodes = [make.make_node("Cast", ["x"], ["y"], to=through or target, **attributes)]
        if through:
            nodes.append(make.make_node("Cast", ["y"], ["z"], to=target))
        graph = make.make_graph(
            nodes,
            "cast",
            [make.make_tensor_value_info("x", source, None)],
            [make.make_tensor_value_info(nodes[-1].output[0], target, None)],
        )
        model = make.make_model(graph, opset_imports=[make.make_opsetid("", 24)], ir_version=11)
        options = self.runtime.SessionOptions()
        # Two casts in a row must not be made one.
        options.graph_optimization_level = self.runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = self.runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return session.run(None, {"x": values})[0]

    def scale_bytes(self, values, cast):
        # numpy knows no scales: they come back as numbers, of which each has one byte.
        back = self.cast(
            self.types.FLOAT, self.types.FLOAT, values, self.types.FLOAT8E8M0, round_mode=cast
        )
        return scale_bytes_of(back)


class OpenVINO(Library):
    """Converts to f4e2m1 and f8e8m0, and back, on the processor."""

    name = "openvino"
    casts = ("nearest",)

    def __init__(self):
        super().__init__()
        import openvino
        from openvino import opset13

        self.openvino, self.operators = openvino, opset13

    def through(self, kind, values):
        operators, single = self.operators, self.openvino.Type.f32
        x = operators.parameter([len(values)], single)
        model = self.openvino.Model(
            [operators.convert(operators.convert(x, kind), single)], [x]
        )
        compiled = self.openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return compiled(values)[0]

    def element_codes(self, values):
        back = self.through(self.openvino.Type.f4e2m1, values)
        codes = np.searchsorted(MAGNITUDES, np.abs(back))
        return (codes | np.signbit(back) << 3).astype(np.uint8)

    def scale_bytes(self, values, cast):
        return scale_bytes_of(self.through(self.openvino.Type.f8e8m0, values))


class Microxcaling(Library):
    """The formulas of microsoft/microxcaling (`round="even"`) in single precision, written anew:
    an exponent is floor(log2 x), whatever the logarithm makes of x. It gives values, not codes."""

    name = "microxcaling formulas"
    rules = {"floor": "max"}

    def __init__(self):
        self.version = "-"

    def encode(self, rows, rule):
        one = np.float32(1)
        groups = rows.reshape(len(rows), -1, 32)
        with np.errstate(all="ignore"):
            largest = np.abs(groups).max(-1, keepdims=True)
            largest = np.where(largest == 0, np.float32(2.0**-126), largest)
            shared = np.floor(np.log2(largest)) - 2
            shared = np.where(shared > 127, np.float32("nan"), np.maximum(shared, -127))
            scaled = groups / np.exp2(shared)
            size = np.abs(scaled)
            private = np.maximum(np.floor(np.log2(np.where(size == 0, one, size))), 0)
            # One binary digit behind the leading one: halves of the private power.
            steps = np.rint(size / np.exp2(private) * 2)
            values = np.minimum(steps / 2 * np.exp2(private), 6)
            codes = np.searchsorted(MAGNITUDES, np.nan_to_num(values, nan=0))
            codes = codes | np.signbit(groups) << 3
            scales = np.where(np.isfinite(shared), shared + 127, 255)
        return scales[..., 0].astype(np.uint8), codes.reshape(len(rows), -1).astype(np.uint8)


class Module(Library):
    """A file of Python with encode(values, rule) and decode(scales, codes); mxfp4.py is one."""

    takes_short_groups = True

    def __init__(self, path):
        path = os.path.abspath(path)
        specification = importlib.util.spec_from_file_location("implementation", path)
        self.module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(self.module)
        self.name = os.path.basename(path)
        self.version = str(getattr(self.module, "__version__", "-"))
        names = getattr(self.module, "RULES", mxfp4.RULES)
        self.rules = {name: name for name in names if name in mxfp4.RULES}
        self.nvfp4_rules = {name: name for name in names if name in nvfp4.RULES}
        self.ties = getattr(self.module, "TIES", "even")
        functions = ("encode", "decode", "encode_nvfp4", "decode_nvfp4")
        missing = [x for x in functions if not hasattr(self.module, x)]
        for name in missing:
            setattr(self, name, None)
        if len(missing) == len(functions):
            raise AttributeError(f"the module has none of {', '.join(functions)}")

    def encode(self, rows, rule):
        results = [self.module.encode(row, rule) for row in rows]
        return tuple(np.array([list(x[part]) for x in results], np.uint8) for part in (0, 1))

    def decode(self, scales, codes):
        rows = [self.module.decode(s, c) for s, c in zip(scales, codes)]
        return np.array([np.asarray(row, np.float32) for row in rows])

    def encode_nvfp4(self, values, rule):
        return self.module.encode_nvfp4(values, rule)

    def decode_nvfp4(self, outer, scales, codes):
        return self.module.decode_nvfp4(outer, scales, codes)


class TetraJet(Library):
    """The command: `quantize` on a safetensors file, packed and with --values."""

    name = "tetrajet"
    rules = {rule: rule for rule in mxfp4.RULES}
    nvfp4_rules = {rule: rule for rule in nvfp4.RULES}
    takes_short_groups = True

    def __init__(self, command):
        self.command = command
        text = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
        self.version = text.stdout.split()[-1]

    def run(self, rows, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            source, target = f"{folder}/x.safetensors", f"{folder}/y.safetensors"
            data = np.ascontiguousarray(rows, "<f4").tobytes()
            tensorfile.write(source, {"x": ("F32", rows.shape, data)}, {})
            command = [self.command, "quantize", source, target, "--rounding", "nearest-even"]
            subprocess.run([*command, *arguments], capture_output=True, check=True)
            tensors = tensorfile.read(target)
            return {name: from_bytes(data) for name, (_, _, data) in tensors.items()}

    def encode(self, rows, rule):
        tensors = self.run(rows, "--scale", rule)
        scales = tensors["x_scales"].reshape(len(rows), -1)
        codes = unpacked(tensors["x_blocks"].reshape(len(rows), -1))
        plain = self.run(rows, "--scale", rule, "--values")
        columns = rows.shape[1]
        # The two files must say the same, and the short group's unused nibbles be zeros.
        if codes[:, columns:].any() or (codes[:, :columns].ravel() != plain["x.codes"]).any():
            raise ValueError("packed and plain files differ")
        values = plain["x.values"].view("<f4").reshape(rows.shape)
        if not same_bits(values, exact_values(scales, codes[:, :columns])).all():
            raise ValueError("x.values are not the codes' values")
        return scales, codes[:, :columns]

    def encode_nvfp4(self, values, rule):
        tensors = self.run(values[None], "--format", "nvfp4", "--scale", rule)
        outer = tensors["x_outer_scale"].view("<f4")[0]
        return outer, tensors["x_scales"], unpacked(tensors["x_blocks"])[: len(values)]


ALL = (
    MLDTypes,
    Torch,
    TorchAO,
    CompressedTensors,
    GGUF,
    MLX,
    ONNX,
    ONNXRuntime,
    OpenVINO,
    Microxcaling,
)
