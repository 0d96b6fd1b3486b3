"""Times predictions of one model by one runtime in this process: PyTorch, onnxruntime or OpenVINO.

    python Benchmarks/runtimes/run_model.py --runtime openvino --precision int8 --model deit_small_patch16_224 --batch 1 \
      --threads 2 --files FOLDER

FOLDER is what prepare_models.py has filled; PyTorch makes its model itself. Images are random: the time does not depend on them. One
JSON line on stdout: `seconds` is the median of the timed batches, memory is in MiB, `weights_mb` what the runtime is given, in MB,
`layers` how many products the runtime says it computes in which precision.
"""

import argparse
import collections
import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy


def peak_memory_mb():
    """The most memory this process has held, in MiB; the kernel counts in KiB on Linux, in bytes on macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def arguments():
    parser = argparse.ArgumentParser(description="times predictions of one model by one runtime")
    parser.add_argument("--runtime", choices=RUNTIMES, required=True)
    parser.add_argument("--precision", choices=("fp32", "bf16", "int8"), default="fp32")
    parser.add_argument("--rest", choices=("fp32", "bf16"), default="fp32", help="what OpenVINO computes in beside int8")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    parser.add_argument("--model", required=True, help="timm's name of it")
    parser.add_argument("--files", type=Path, help="the folder of prepare_models.py")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=int, default=224, help="pixels a side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=10, help="timed batches")
    parser.add_argument("--warmup", type=int, default=2, help="batches before those, not timed")
    return parser.parse_args()


def pytorch(args):
    """timm's model in eager mode or compiled."""
    import timm
    import torch

    imported = peak_memory_mb()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[args.precision]
    model = timm.create_model(args.model, pretrained=False).eval().to(dtype)
    weights = sum(one.nbytes for one in model.parameters())
    call = torch.compile(model) if args.compile else model

    def predict(images):
        with torch.inference_mode():
            return call(torch.from_numpy(images).to(dtype)).float().numpy()

    return predict, lambda: {}, weights, imported, torch.__version__


def onnxruntime(args):
    """The graph on the processor, as onnxruntime optimizes it."""
    import onnxruntime as ort

    imported = peak_memory_mb()
    options = ort.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.inter_op_num_threads = 1
    optimized = args.files / f"optimized.{os.getpid()}.onnx"
    end = {"fp32": "onnx", "int8": "int8.onnx"}[args.precision]
    path = args.files / f"{args.model}.b{args.batch}.{end}"
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def layers():
        # A second session, after all measurements: it writes down what the first one runs.
        import onnx

        options.optimized_model_filepath = str(optimized)
        ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        nodes = onnx.load(optimized).graph.node
        optimized.unlink()
        return collections.Counter(node.op_type for node in nodes if "MatMul" in node.op_type or "Gemm" in node.op_type)

    return lambda images: session.run(None, {"images": images})[0], layers, path.stat().st_size, imported, ort.__version__


def openvino(args):
    """The graph on the processor, in one stream of all threads."""
    import openvino as ov

    imported = peak_memory_mb()
    end = {"fp32": "onnx", "bf16": "onnx", "int8": "int8.xml"}[args.precision]
    path = args.files / f"{args.model}.b{args.batch}.{end}"
    core = ov.Core()
    options = {"INFERENCE_NUM_THREADS": args.threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    # Left to itself it computes in bfloat16 where the processor has instructions for that, also what int8 leaves over.
    options["INFERENCE_PRECISION_HINT"] = "bf16" if args.precision == "bf16" or args.rest == "bf16" else "f32"
    model = core.compile_model(core.read_model(path), "CPU", options)
    request = model.create_infer_request()

    def layers():
        counts = collections.Counter()
        for node in model.get_runtime_model().get_ops():
            kind, kernel = (str(getattr(node.get_rt_info()[key], "value", "")) for key in ("layerType", "primitiveType"))
            if kind in ("FullyConnected", "MatMul", "Convolution", "Subgraph"):
                counts[f"{kind} {kernel}"] += 1
        return counts

    weights = (path.with_suffix(".bin") if path.suffix == ".xml" else path).stat().st_size
    return lambda images: next(iter(request.infer({"images": images}).values())), layers, weights, imported, ov.__version__


RUNTIMES = {"pytorch": pytorch, "onnxruntime": onnxruntime, "openvino": openvino}


def main():
    args = arguments()
    started = time.perf_counter()
    predict, layers, weights, imported, version = RUNTIMES[args.runtime](args)
    images = numpy.random.default_rng(0).standard_normal((args.batch, 3, args.size, args.size), dtype=numpy.float32)
    load_seconds = time.perf_counter() - started
    for _ in range(args.warmup):
        logits = predict(images)
    if not numpy.isfinite(logits).all():
        sys.exit(f"run_model: the logits of {args.runtime} in {args.precision} are not finite")
    seconds = []
    for _ in range(args.repeats):
        start = time.perf_counter()
        predict(images)
        seconds.append(time.perf_counter() - start)
    median, peak = statistics.median(seconds), peak_memory_mb()
    print(json.dumps({
        "runtime": args.runtime,
        "precision": args.precision,
        "compiled": args.compile,
        "model": args.model,
        "batch": args.batch,
        "threads": args.threads,
        "seconds": round(median, 6),
        "images_per_second": round(args.batch / median, 3),
        "weights_mb": round(weights / 1e6, 2),
        "peak_memory_mb": peak,
        "import_memory_mb": imported,
        "load_seconds": round(load_seconds, 3),
        "layers": dict(layers()),
        "version": version,
    }))


if __name__ == "__main__":
    main()
