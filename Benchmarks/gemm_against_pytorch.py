"""The products of TetraJet's linear layers against PyTorch's on this machine, in turn, each run a fresh process.

    swift build -c release
    python Benchmarks/gemm_against_pytorch.py --batch 16 --threads 2

Packed 4-bit products take turns with PyTorch's in fp32 and in bf16 on the same shapes (A B C A B C ...), operands ready in
their types on each side. Every ratio is the median of the ratios round by round, above 1 where TetraJet is faster, with its
range over the rounds; the last line has the medians and ranges of a column. Leave the machine to it: PyTorch's threads spin
while they wait for each other, and one other busy process can make them many times slower; a wide range tells.
PyTorch allocates its results, as in training; with glibc, MALLOC_MMAP_THRESHOLD_=4294967296 and
MALLOC_TRIM_THRESHOLD_=8589934592 let it keep the memory of the last one, which makes it faster.
The first run that fails ends everything with one line on stderr and exit status 1.
"""

import statistics

from side_by_side import (
    PYTORCH,
    RunFailed,
    comparison_parser,
    end_in_one_line,
    median,
    print_table,
    ratios,
    round_names,
    run,
    with_range,
)

MODELS = ("deit_tiny_patch16_224", "deit_small_patch16_224", "deit_base_patch16_224")
TYPES = ("fp32", "bf16")
# Three products each of qkv, proj, fc1 and fc2.
PRODUCTS = 12
SHAPE = ("n", "d", "c")
HEAD = ["model", "layer", "product", "N, D, C", "TetraJet GOP/s", "share of peak"]
HEAD += [title for dtype in TYPES for title in (f"PyTorch {dtype} GFLOP/s", f"ratio to {dtype} (range)")]


def compare(args, model):
    """All three sides in turn; for each, the results of a product are one list over the rounds, under its shape and name."""
    sides = {side: {} for side in ("tetrajet", *TYPES)}

    def add(side, name, command, needed):
        found = run(name, command, args.threads, ("gops", *SHAPE, *needed), PRODUCTS)
        for result in found:
            sides[side].setdefault((*(result[key] for key in SHAPE), result.get("product")), []).append(result)
        return found

    common = ["--threads", str(args.threads), "--repeats", str(args.repeats)]
    ours = [args.tetrajet, "bench", "gemm", "--model", model, "--batch", str(args.batch), *common, "--json"]
    for name in round_names(args.rounds):
        found = add("tetrajet", name, ours, ["share_of_peak"])
        # PyTorch's side knows no models; it is given the shapes that TetraJet has just measured.
        shapes = dict.fromkeys(",".join(str(result[key]) for key in SHAPE) for result in found)
        for dtype in TYPES:
            add(dtype, name, [args.python, str(PYTORCH / "linear_products.py"), *shapes, "--type", dtype, *common], [])
    if len({tuple(side) for side in sides.values()}) != 1:
        raise RunFailed(f"the two sides measured different products of {model}")
    return sides


def main():
    parser = comparison_parser("the products of TetraJet's linear layers against PyTorch's")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=10, help="timed repeats of each product in a run")
    args = parser.parse_args()

    rows, shares, all_ratios = [], [], {dtype: [] for dtype in TYPES}
    for model in args.models:
        sides = compare(args, model)
        for product, ours in sides["tetrajet"].items():
            shares.append(median(ours, "share_of_peak"))
            row = [model, ours[0]["layer"], ours[0]["product"], ", ".join(map(str, product[:3]))]
            row += [f"{median(ours, 'gops'):.0f}", f"{shares[-1]:.2f}"]
            for dtype in TYPES:
                theirs = sides[dtype][product]
                by_round = ratios(ours, theirs, "gops")
                all_ratios[dtype].append(statistics.median(by_round))
                row += [f"{median(theirs, 'gops'):.0f}", with_range(by_round)]
            rows.append(row)

    print(f"batch {args.batch}, {args.threads} threads, {args.rounds} rounds;", end=" ")
    print(f"TetraJet on {ours[0].get('isa', 'unknown')}, PyTorch {theirs[0].get('torch', 'unknown')}")
    print_table(HEAD, rows)
    print(f"median over the {len(rows)} rows (range): share of peak {with_range(shares)}", end="")
    print("".join(f", ratio to {dtype} {with_range(all_ratios[dtype])}" for dtype in TYPES))


if __name__ == "__main__":
    end_in_one_line(main, "gemm_against_pytorch")
