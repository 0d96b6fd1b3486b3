"""TetraJet's training step against PyTorch's on this machine, in turn, each run a fresh process.

    swift build -c release
    python Benchmarks/step_against_pytorch.py --models deit_tiny_patch16_224 --batch 32 --threads 2
    python Benchmarks/step_against_pytorch.py --batch 8 --pairs tetrajet:fp32 tetrajet:bf16 --models deit_tiny_patch16_224 \
      deit_small_patch16_224 deit_base_patch16_224 swin_tiny_patch4_window7_224 swin_small_patch4_window7_224

Compared are fp32 with fp32, 4-bit training with PyTorch's fp32 and bf16, and 4-bit training with its simulation in PyTorch.
The two of a pair take turns (A B A B ...), and the ratio is the median of the ratios round by round: a machine that slows down
for a while slows both. Both inherit the environment: with glibc, MALLOC_MMAP_THRESHOLD_=4294967296 and
MALLOC_TRIM_THRESHOLD_=8589934592 let PyTorch keep the memory it frees between operations, which can gain it 10 to 20 %.
The first run that fails ends everything with one line on stderr and exit status 1.
"""

import argparse

from side_by_side import PYTORCH, comparison_parser, end_in_one_line, median, print_table, ratios, round_names, run, with_range

# (TetraJet's method, PyTorch's method)
PAIRS = (("fp32", "fp32"), ("tetrajet", "fp32"), ("tetrajet", "bf16"), ("tetrajet", "tetrajet"))
LABELS = {"tetrajet": "tetrajet, simulated"}
NEEDED = ("images_per_second", "peak_memory_mb")
HEAD = ["model", "TetraJet", "PyTorch", "TetraJet images/s", "PyTorch images/s", "ratio (range)", "TetraJet peak MB", "PyTorch peak MB"]


def pair_of(text):
    """OURS:THEIRS as two names."""
    ours, _, theirs = text.partition(":")
    if not ours or not theirs:
        raise argparse.ArgumentTypeError(f"'{text}' is not OURS:THEIRS, as in tetrajet:fp32")
    return ours, theirs


def compare(ours, theirs, threads, rounds):
    """Both commands in turn, `rounds` times; returns their results, one list each."""
    results = ([], [])
    for name in round_names(rounds):
        for command, extra, side in zip((ours, theirs), ((), ("import_memory_mb",)), results):
            side += run(name, command, threads, (*NEEDED, *extra), count=1)
    return results


def table_row(model, pair, ours, theirs):
    """One line of the table: medians, and the median ratio with its range over the rounds."""
    return [
        model,
        pair[0],
        LABELS.get(pair[1], pair[1]),
        f"{median(ours, 'images_per_second'):.2f}",
        f"{median(theirs, 'images_per_second'):.2f}",
        with_range(ratios(ours, theirs, "images_per_second")),
        f"{median(ours, 'peak_memory_mb'):.0f}",
        f"{median(theirs, 'peak_memory_mb'):.0f} ({median(theirs, 'import_memory_mb'):.0f} from imports)",
    ]


def main():
    parser = comparison_parser("TetraJet's training step against PyTorch's")
    parser.add_argument("--models", nargs="+", default=["deit_tiny_patch16_224"])
    parser.add_argument(
        "--pairs", nargs="+", default=PAIRS, type=pair_of, metavar="OURS:THEIRS",
        help="methods to compare (default: four pairs)")
    parser.add_argument(
        "--attention", choices=("fp32", "bf16"), default="fp32",
        help="TetraJet's products of attention (PyTorch's follow its method)")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10, help="PyTorch's timed steps a run")
    parser.add_argument("--warmup", type=int, default=2, help="PyTorch's steps before those")
    args = parser.parse_args()

    steps = ["--steps", str(args.steps), "--warmup", str(args.warmup)]

    rows, isa, torch_version = [], "unknown", "unknown"
    for model in args.models:
        shape = ["--model", model, "--batch", str(args.batch), "--threads", str(args.threads)]
        for pair in args.pairs:
            ours, theirs = compare(
                [args.tetrajet, "bench", "step", *shape, "--method", pair[0], "--attention", args.attention,
                 "--repeats", str(args.steps), "--json"],
                [args.python, str(PYTORCH / "train_step.py"), *shape, "--method", pair[1], *steps],
                args.threads,
                args.rounds,
            )
            rows.append(table_row(model, pair, ours, theirs))
            isa, torch_version = ours[0].get("isa", isa), theirs[0].get("torch", torch_version)

    print(f"batch {args.batch}, {args.threads} threads, attention in {args.attention},", end=" ")
    print(f"{args.rounds} rounds of {args.steps} steps;", end=" ")
    print(f"TetraJet on {isa}, PyTorch {torch_version}")
    print_table(HEAD, rows)


if __name__ == "__main__":
    end_in_one_line(main, "step_against_pytorch")
