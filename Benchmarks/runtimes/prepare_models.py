"""Writes timm models with random weights as other runtimes take them: ONNX, and int8 of onnxruntime and of OpenVINO.

    python Benchmarks/runtimes/prepare_models.py FOLDER --models deit_small_patch16_224 --batches 1 32

For every model and batch size FOLDER gets MODEL.bN.onnx (static shapes), MODEL.bN.int8.onnx (onnxruntime's dynamic quantization of all
products with weights) and MODEL.bN.int8.xml with .bin (post-training quantization by nncf on random images; the attention's products and
the patch embedding are in 8 bits, too). What is there already is kept. The accuracy of random weights does not matter, the time does.
With --checkpoint FOLDER gets checkpoint.onnx, the graph of a run's model for one image.
"""

import argparse
import logging
import sys
from pathlib import Path

import numpy
import timm
import torch


def export_onnx(model, shape, path):
    """The graph of a model for images of one shape."""
    torch.onnx.export(
        model.eval(), (torch.randn(shape),), path, input_names=["images"], output_names=["logits"], dynamo=True,
        external_data=False, verbose=False)


def model_of(checkpoint):
    """timm's model of a checkpoint that TetraJet has written, and the shape of an image [1, channels, height, width]."""
    from safetensors import safe_open

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pytorch"))
    from timm_models import model_from_metadata

    with safe_open(checkpoint, "pt") as file:
        metadata = file.metadata()
        model = model_from_metadata(metadata)
        model.load_state_dict({key: file.get_tensor(key) for key in file.keys() if not key.endswith(".ema")})
    size = int(metadata["img_size"])
    return model, (1, int(metadata.get("in_chans", 3)), size, size)


def quantize_for_onnxruntime(source, path):
    """Weights in 8 bits; activations are quantized as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = path.with_suffix(".prepared.onnx")
    # The symbolic shape inference fails on graphs of Swin, and is not needed where all shapes are static.
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_dynamic(prepared, path, op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8)
    prepared.unlink()


def quantize_for_openvino(source, path, shape, samples):
    """Weights and activations in 8 bits, their scales found on random images."""
    import nncf
    import openvino

    random = numpy.random.default_rng(0)
    images = [random.standard_normal(shape, dtype=numpy.float32) for _ in range(samples)]
    model = nncf.quantize(
        openvino.Core().read_model(source), nncf.Dataset(images), model_type=nncf.ModelType.TRANSFORMER, subset_size=samples)
    openvino.save_model(model, path, compress_to_fp16=False)


def main():
    parser = argparse.ArgumentParser(description="writes timm models with random weights as other runtimes take them")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=[], help="timm's names")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--checkpoint", type=Path)
    args = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.checkpoint:
        export_onnx(*model_of(args.checkpoint), args.folder / "checkpoint.onnx")
    for name in args.models:
        for batch in args.batches:
            base = args.folder / f"{name}.b{batch}"
            graph, int8, xml = (Path(f"{base}.{end}") for end in ("onnx", "int8.onnx", "int8.xml"))
            shape = (batch, *timm.get_pretrained_cfg(name).input_size)
            if not graph.exists():
                torch.manual_seed(0)
                export_onnx(timm.create_model(name, pretrained=False), shape, graph)
            if not int8.exists():
                quantize_for_onnxruntime(graph, int8)
            if not xml.exists():
                quantize_for_openvino(graph, xml, shape, samples=max(1, 16 // batch))


if __name__ == "__main__":
    main()
