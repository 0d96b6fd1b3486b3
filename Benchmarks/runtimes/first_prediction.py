"""Starts a runtime, loads a model, and prints the likeliest class of one photograph: what start_elsewhere.py times from outside.

    python Benchmarks/runtimes/first_prediction.py openvino model.onnx photo.jpg --preprocessor preprocessor_config.json --threads 2

Runtimes: pytorch (timm's model from a checkpoint with TetraJet's metadata), onnxruntime and openvino (an ONNX file). Only what the runtime needs is
imported.
"""

import argparse
import json
from pathlib import Path

import numpy
from PIL import Image


def prepared(photo, config):
    """The photograph [1, 3, size, size] as preprocessor_config.json says: shorter side, centre, normalization."""
    image = Image.open(photo).convert("RGB")
    edge, crop = config["size"]["shortest_edge"], config["crop_size"]["height"]
    ratio = edge / min(image.size)
    image = image.resize([round(side * ratio) for side in image.size], Image.Resampling(config["resample"]))
    left, top = ((side - crop) // 2 for side in image.size)
    values = numpy.asarray(image.crop((left, top, left + crop, top + crop)), numpy.float32) / 255
    values = (values - numpy.array(config["image_mean"], numpy.float32)) / numpy.array(config["image_std"], numpy.float32)
    return values.transpose(2, 0, 1)[None].copy()


def pytorch(path, threads):
    import sys

    import torch
    from safetensors import safe_open

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pytorch"))
    from timm_models import model_from_metadata

    torch.set_num_threads(threads)
    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys() if not key.endswith(".ema")}
        # On no device: initial weights take longer than all the rest.
        with torch.device("meta"):
            model = model_from_metadata(file.metadata())
    model.load_state_dict(tensors, assign=True)
    model.eval()

    def predict(images):
        with torch.inference_mode():
            return model(torch.from_numpy(images)).numpy()

    return predict


def onnxruntime(path, threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0]


def openvino(path, threads):
    import openvino as ov

    core = ov.Core()
    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    model = core.compile_model(core.read_model(path), "CPU", options)
    return lambda images: next(iter(model({"images": images}).values()))


RUNTIMES = {"pytorch": pytorch, "onnxruntime": onnxruntime, "openvino": openvino}


def main():
    parser = argparse.ArgumentParser(description="prints the likeliest class of one photograph")
    parser.add_argument("runtime", choices=RUNTIMES)
    parser.add_argument("model")
    parser.add_argument("photo")
    parser.add_argument("--preprocessor", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    predict = RUNTIMES[args.runtime](args.model, args.threads)
    print(int(predict(prepared(args.photo, json.loads(args.preprocessor.read_text()))).argmax()), flush=True)


if __name__ == "__main__":
    main()
