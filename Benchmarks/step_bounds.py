"""What bounds a training step: the time of each part beside the least that this machine could take for it.

    swift build -c release
    python Benchmarks/step_bounds.py --models deit_tiny_patch16_224 swin_tiny_patch4_window7_224 --batch 8 --threads 2

Each part has a bound of its own, from rates measured in the same round:
  product    operations over the peak of the dot-product instructions (bench gemm)
  attention  multiplications and additions over the peak in single precision (bench gemm --engine simulated)
  quantizer  numbers over the rate of the same rounding alone, on one image's activations (bench quantize)
  gelu       49 operations forward and 53 backward a number, over the peak in single precision
  norm       12 bytes a number forward, 16 backward, over the speed of copying
  optimizer  28 bytes a weight, over the speed of copying
What the backward pass computes again counts as work. The first run that fails ends everything with one line.
"""

import ctypes
import statistics
import threading
import time

from side_by_side import comparison_parser, end_in_one_line, print_table, round_names, run

# Rows that attend to each other.
ATTENDED = {"deit": 197, "swin": 49}
GELU_OPERATIONS = (49, 53)
NORM_BYTES = (12, 16)
OPTIMIZER_BYTES = 28


def copying_speed(threads):
    """Bytes a second that memory moves, those read and those written, with all threads."""
    size = 128 << 20
    buffers = [(ctypes.create_string_buffer(size), ctypes.create_string_buffer(size)) for _ in range(threads)]
    best = 0
    for _ in range(4):
        workers = [threading.Thread(target=ctypes.memmove, args=(a, b, size)) for a, b in buffers]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, 2 * size * threads / (time.perf_counter() - start))
    return best


def bounds(layers, roundings, peak, float_peak, bytes_a_second, attended, recompute):
    """The least seconds for the parts of a step."""
    operations = numbers = weights = attention = gelu = norm = 0
    for layer in layers:
        n, d, c, blocks = layer["n"], layer["d"], layer["c"], layer["blocks"]
        kind = layer["layer"].split()[-1]
        again = kind == "fc1" and recompute != "none" or kind in ("qkv", "proj") and recompute == "block"
        operations += blocks * 2 * n * d * c * (4 if again else 3)
        for rounding, axis, source, count in (
            ("nearest-even", "rows", "floats", n * d + c * d),
            ("stochastic", "rows", "floats", n * c),
            ("stochastic", "columns", "floats", n * c),
            ("stochastic", "columns", "codes", n * d + c * d),
        ):
            numbers += blocks * count / roundings[rounding, axis, source]
        weights += blocks * d * c
        if kind == "qkv":
            # Two products forward, five backward.
            attention += blocks * 7 * 2 * n * attended * d
            norm += blocks * 2 * n * d
        if kind == "fc1":
            gelu += blocks * n * c
    return {
        "product": operations / peak,
        "quantizer": numbers,
        "attention": attention / float_peak,
        "norm": norm * sum(NORM_BYTES) / bytes_a_second,
        "gelu": gelu * sum(GELU_OPERATIONS) / float_peak,
        "optimizer": weights * OPTIMIZER_BYTES / bytes_a_second,
    }


def measure(name, model, args):
    """The parts of a step and their bounds, in milliseconds, of one round."""
    shape = ["--model", model, "--threads", str(args.threads), "--json"]
    batch = [*shape, "--batch", str(args.batch)]
    bench = [args.tetrajet, "bench"]
    profile = ["--profile", "--recompute", args.recompute, "--repeats", str(args.steps)]
    step = run(name, [*bench, "step", *batch, *profile], args.threads, ("seconds",), count=8)
    kinds = 4 if model.startswith("deit") else 16
    gemm = run(name, [*bench, "gemm", *batch, "--repeats", "3"], args.threads, ("peak_gops",), count=3 * kinds)
    small = [*shape, "--batch", "1", "--repeats", "3"]
    floats = run(
        name, [*bench, "gemm", *small, "--engine", "simulated"], args.threads, ("peak_gops",), count=3 * kinds)
    quantize = run(name, [*bench, "quantize", *small], args.threads, ("gops",), count=11)
    least = bounds(
        [line for line in gemm if line["product"] == "y"],
        {(line["rounding"], line["axis"], line["source"]): line["gops"] * 1e9 for line in quantize},
        statistics.median(line["peak_gops"] for line in gemm) * 1e9,
        statistics.median(line["peak_gops"] for line in floats) * 1e9,
        copying_speed(args.threads),
        ATTENDED[model[:4]],
        args.recompute,
    )
    return {line["part"]: (line["milliseconds"], least.get(line["part"], 0) * 1e3) for line in step if "part" in line}


def main():
    parser = comparison_parser("The parts of a training step and what bounds them")
    parser.add_argument("--models", nargs="+", default=["deit_tiny_patch16_224"], help="DeiT and Swin")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--recompute", choices=("none", "mlp", "block"), default="block")
    parser.add_argument("--steps", type=int, default=5, help="timed steps a round")
    args = parser.parse_args()
    for model in args.models:
        if model[:4] not in ATTENDED:
            parser.error(f"'{model}' is neither a DeiT nor a Swin")
        rounds = [measure(name, model, args) for name in round_names(args.rounds)]
        rows = []
        for part in rounds[0]:
            spent = statistics.median(parts[part][0] for parts in rounds)
            least = statistics.median(parts[part][1] for parts in rounds)
            share = statistics.median(parts[part][1] / parts[part][0] for parts in rounds)
            bound = [f"{least:.1f}", f"{share:.2f}"] if least else ["", ""]
            rows.append([part, f"{spent:.1f}", *bound])
        print(f"\n{model}, batch {args.batch}, {args.threads} threads, recompute {args.recompute}:\n")
        print_table(["part", "ms", "bound, ms", "share"], rows)


end_in_one_line(main, "step_bounds")
