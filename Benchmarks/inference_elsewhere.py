"""Predictions by a 4-bit model against PyTorch, onnxruntime and OpenVINO on this machine, in turn, each run a fresh process.

    pip install -r Benchmarks/requirements.txt
    swift build -c release --product tetrajet
    python Benchmarks/inference_elsewhere.py --models deit_small_patch16_224 --batches 1 32 --files /tmp/models

Ours are `tetrajet bench predict` with 4-bit activations and with full ones; the others are Benchmarks/runtimes/run_model.py on models with
random weights, which Benchmarks/runtimes/prepare_models.py writes into the folder of --files once. int8 is dynamic quantization in onnxruntime,
and post-training quantization by nncf in OpenVINO; stderr says which products each of them runs in which precision. The contenders
take turns (A B C A B C ...), numbers are medians of the rounds, and ratios are medians of the ratios round by round with their
range: a machine that slows down for a while slows all. Memory is the peak of the process less what stood there after the imports.
"""

import json
import statistics
import sys
from pathlib import Path

from side_by_side import comparison_parser, end_in_one_line, median, print_table, ratios, round_names, run, with_range

RUNTIMES = Path(__file__).resolve().parent / "runtimes"
NEEDED = ("seconds", "images_per_second", "peak_memory_mb", "weights_mb")
# The name of a contender: the activations of ours, or the options of run_model.py.
OURS = {"tetrajet, mxfp4": "mxfp4", "tetrajet, full": "full"}
THEIRS = {
    "PyTorch fp32": ["--runtime", "pytorch", "--precision", "fp32"],
    "PyTorch fp32, compiled": ["--runtime", "pytorch", "--precision", "fp32", "--compile"],
    "PyTorch bf16": ["--runtime", "pytorch", "--precision", "bf16"],
    "onnxruntime fp32": ["--runtime", "onnxruntime", "--precision", "fp32"],
    "onnxruntime int8": ["--runtime", "onnxruntime", "--precision", "int8"],
    "OpenVINO fp32": ["--runtime", "openvino", "--precision", "fp32"],
    # What int8 leaves over is in bfloat16, which OpenVINO chooses by itself on processors with instructions for it.
    "OpenVINO int8": ["--runtime", "openvino", "--precision", "int8", "--rest", "bf16"],
}
# What ratios are taken to.
BASES = ("PyTorch fp32", "OpenVINO int8")
HEAD = [
    "contender", "ms a batch", "images/s", *(f"times {base} (range)" for base in BASES), "peak MiB beyond imports", "weights, MB"]


def command_of(name, args, model, batch):
    """The command line of a contender."""
    shape = ["--model", model, "--batch", str(batch), "--threads", str(args.threads)]
    repeats = ["--repeats", str(args.repeats or max(3, 40 // batch))]
    if name in OURS:
        return [args.tetrajet, "bench", "predict", *shape, "--activations", OURS[name], *repeats, "--json"]
    return [args.python, str(RUNTIMES / "run_model.py"), *shape, *THEIRS[name], *repeats, "--files", args.files]


def table_row(name, results):
    """One line of the table: medians, ratios with their ranges."""
    own = results[name]
    return [
        name,
        f"{1000 * median(own, 'seconds'):.1f}",
        f"{median(own, 'images_per_second'):.1f}",
        *(with_range(ratios(own, results[base], "images_per_second")) if base in results else "" for base in BASES),
        f"{statistics.median(one['peak_memory_mb'] - one.get('import_memory_mb', 0) for one in own):.0f}",
        f"{median(own, 'weights_mb'):.1f}",
    ]


def main():
    parser = comparison_parser("predictions by a 4-bit model against other runtimes")
    parser.add_argument("--models", nargs="+", default=["deit_small_patch16_224", "swin_tiny_patch4_window7_224"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--repeats", type=int, help="timed batches a run (default: 40 images, at least 3 batches)")
    parser.add_argument("--files", required=True, help="a folder for the models of the other runtimes")
    parser.add_argument(
        "--contenders", nargs="+", default=[*OURS, *THEIRS], choices=[*OURS, *THEIRS], metavar="NAME", help="(default: all)")
    args = parser.parse_args()
    for model in args.models:
        for batch in args.batches:
            results = {name: [] for name in args.contenders}
            for title in round_names(args.rounds):
                for name, own in results.items():
                    own += run(f"{title}, {name}", command_of(name, args, model, batch), args.threads, NEEDED, count=1)
            for name, own in results.items():
                about = {key: own[-1][key] for key in ("isa", "version", "layers") if key in own[-1]}
                print(f"{name}: {json.dumps(about)}", file=sys.stderr)
            print(f"\n{model}, batch {batch}, {args.threads} threads, {args.rounds} rounds:")
            print_table(HEAD, [table_row(name, results) for name in results])


if __name__ == "__main__":
    end_in_one_line(main, "inference_elsewhere")
