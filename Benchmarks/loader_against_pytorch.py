"""TetraJet's image loader against PyTorch's DataLoader on the same files, in turn, each run a fresh process.

    swift build -c release
    python Benchmarks/loader_against_pytorch.py --data FOLDER --threads 2

FOLDER holds train/ and test/ with class folders of photographs. The pipeline is DeiT's at 224 px: decoding, RandomResizedCrop,
flip, RandAugment, normalization, erasing; without RandAugment and erasing in the second row of each kind. The two of a pair
take turns, and the ratio is the median of the ratios round by round. TetraJet's cache is off: every pass decodes again.
"""

from side_by_side import PYTORCH, comparison_parser, end_in_one_line, median, print_table, ratios, round_names, run, with_range

POLICIES = (("rand-m9-mstd0.5-inc1", 0.25), ("none", 0))
HEAD = ["pipeline", "PyTorch's transforms", "TetraJet images/s", "PyTorch images/s", "ratio (range)", "TetraJet MB", "PyTorch MB"]


def main():
    parser = comparison_parser("TetraJet's image loader against PyTorch's")
    parser.add_argument("--data", required=True, help="a folder with train/ and test/")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=3, help="timed passes a run")
    args = parser.parse_args()

    rows = []
    for policy, erasing in POLICIES:
        settings = {
            "model.image_size": args.size, "training.batch_size": args.batch, "data.cache_megabytes": 0,
            "augmentation.crop": "resized", "augmentation.policy": policy, "augmentation.erasing_probability": erasing}
        ours_command = [
            args.tetrajet, "bench", "loader", "--data", args.data, "--threads", str(args.threads), "--repeats", str(args.epochs),
            "--json", *(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))]
        for transforms in ("timm", "torchvision"):
            theirs_command = [
                args.python, str(PYTORCH / "load_images.py"), "--data", args.data, "--transforms", transforms, "--policy", policy,
                "--erasing", str(erasing), "--size", str(args.size), "--batch", str(args.batch), "--workers", str(args.threads),
                "--epochs", str(args.epochs)]
            ours, theirs = [], []
            for name in round_names(args.rounds):
                for command, side in ((ours_command, ours), (theirs_command, theirs)):
                    side += run(name, command, args.threads, ("images_per_second", "peak_memory_mb"), count=1)
            rows.append([
                policy, transforms, f"{median(ours, 'images_per_second'):.0f}", f"{median(theirs, 'images_per_second'):.0f}",
                with_range(ratios(ours, theirs, "images_per_second")), f"{median(ours, 'peak_memory_mb'):.0f}",
                f"{median(theirs, 'peak_memory_mb'):.0f}"])
    print(f"batch {args.batch}, {args.size} px, {args.threads} workers, {args.rounds} rounds of {args.epochs} passes")
    print_table(HEAD, rows)


if __name__ == "__main__":
    end_in_one_line(main, "loader_against_pytorch")
