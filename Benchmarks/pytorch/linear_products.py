"""Times the three products of a linear layer on the CPU, as PyTorch's autograd calls them.

    python Benchmarks/pytorch/linear_products.py --type bf16 --threads 2 3152,192,576 3152,768,192

A shape is N,D,C: rows, inputs, outputs. y = x·wᵀ + b, dx = dy·w, dw = dyᵀ·x on operands that are in the type already; each
result is a new tensor, as in training. One JSON line a product on stdout; `seconds` is the median of the timed repeats, and
`gops` counts 2·N·D·C operations.
"""

import argparse
import json
import statistics
import sys
import time

import torch
from torch.nn import functional as F

# A product is warmed up for at least so long: a process's first ones are slow for tens of milliseconds, which is many repeats of
# a small product.
WARMUP_SECONDS = 0.1
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def arguments():
    parser = argparse.ArgumentParser(description="times the three products of a linear layer")
    parser.add_argument("shapes", nargs="+", metavar="N,D,C", help="rows, inputs, outputs of a layer")
    parser.add_argument("--type", choices=TYPES, default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5, help="timed repeats of each product")
    parser.add_argument("--warmup", type=int, default=2, help="repeats before those, at least")
    args = parser.parse_args()
    for name, least in (("threads", 1), ("repeats", 1), ("warmup", 0)):
        if (value := getattr(args, name)) < least:
            sys.exit(f"linear_products: --{name} is {value}; it must be at least {least}")
    args.shapes = [parsed(shape) for shape in args.shapes]
    return args


def parsed(shape):
    sizes = shape.split(",")
    if len(sizes) != 3 or not all(size.isdecimal() and int(size) for size in sizes):
        sys.exit(f"linear_products: '{shape}' is not a shape; write rows, inputs and outputs like 3152,192,576")
    return tuple(map(int, sizes))


def products(n, d, c, dtype):
    """The name of each product, and what computes it."""
    x, w, b, dy = (torch.randn(*sizes).to(dtype) for sizes in ((n, d), (c, d), (c,), (n, c)))
    return {
        "y": lambda: F.linear(x, w, b),
        "dx": lambda: torch.mm(dy, w),
        # Autograd does not copy dy into its transpose either: the product reads the view.
        "dw": lambda: torch.mm(dy.t(), x),
    }


def median_seconds(product, warmup, repeats):
    warm = time.perf_counter() + WARMUP_SECONDS
    while warmup > 0 or time.perf_counter() < warm:
        product()
        warmup -= 1
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        product()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    for n, d, c in args.shapes:
        for name, product in products(n, d, c, TYPES[args.type]).items():
            seconds = median_seconds(product, args.warmup, args.repeats)
            result = {
                "n": n,
                "d": d,
                "c": c,
                "product": name,
                "seconds": seconds,
                "gops": round(2 * n * d * c / seconds / 1e9, 3),
                "type": args.type,
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
            }
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    try:
        # Recording for a backward pass that never comes would be PyTorch's time alone.
        with torch.inference_mode():
            main()
    except (RuntimeError, TypeError) as error:
        # A shape that does not fit into memory, or into 64 bits.
        sys.exit(f"linear_products: {str(error).splitlines()[0]}")
