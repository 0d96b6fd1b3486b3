"""How long it takes from the start of a process to what a model says of one photograph, here and in other runtimes.

    python Benchmarks/start_elsewhere.py RUN photo.jpg --rounds 5

RUN is a run of a 4-bit method. It is exported; `tetrajet predict` reads the run and the exports, PyTorch (timm) the run's checkpoint,
onnxruntime and OpenVINO the export that they run and the same model as an ONNX file in single precision. The contenders take turns; the
time is that from starting the process to its first line. Every file has been read before, and lies in the page cache.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from side_by_side import RunFailed, comparison_parser, end_in_one_line, print_table, round_names, with_range

RUNTIMES = Path(__file__).resolve().parent / "runtimes"


def seconds_to_first_line(command):
    """From the start of the command to its first line, and that line."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
        _, complaint = process.communicate()
    if process.returncode != 0:
        text = " ".join(map(str, command))
        raise RunFailed(f"'{text}' ended with status {process.returncode}: {(complaint.strip().splitlines() or [''])[-1]}")
    return seconds, line.strip()


def run_once(command):
    """Runs what prepares something."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunFailed(f"'{command[0]}' ended with status {done.returncode}: {(done.stderr.strip().splitlines() or [''])[-1]}")


def main():
    parser = comparison_parser("from the start of a process to the first prediction")
    parser.add_argument("run", type=Path)
    parser.add_argument("photo", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, *layout in (
            ("hf", "--layout", "hf"), ("model.gguf", "--layout", "gguf"), ("model.onnx", "--layout", "onnx"),
            ("table.onnx", "--layout", "onnx", "--codes", "table"),
        ):
            run_once([args.tetrajet, "export", args.run, folder / name, *layout])
        checkpoint = args.run / "last.safetensors"
        run_once([args.python, RUNTIMES / "prepare_models.py", folder, "--checkpoint", checkpoint])
        ours = ["--threads", str(args.threads)]
        theirs = [*ours, "--preprocessor", folder / "hf" / "preprocessor_config.json"]
        script = [args.python, RUNTIMES / "first_prediction.py"]
        contenders = {
            "tetrajet predict, the run": [args.tetrajet, "predict", args.run, args.photo, *ours],
            "tetrajet predict, hf": [args.tetrajet, "predict", folder / "hf", args.photo, *ours],
            "tetrajet predict, gguf": [args.tetrajet, "predict", folder / "model.gguf", args.photo, *ours],
            "PyTorch and timm, the checkpoint": [*script, "pytorch", checkpoint, args.photo, *theirs],
            "onnxruntime, fp32": [*script, "onnxruntime", folder / "checkpoint.onnx", args.photo, *theirs],
            "onnxruntime, the export (--codes table)": [*script, "onnxruntime", folder / "table.onnx", args.photo, *theirs],
            "OpenVINO, fp32": [*script, "openvino", folder / "checkpoint.onnx", args.photo, *theirs],
            "OpenVINO, the export": [*script, "openvino", folder / "model.onnx", args.photo, *theirs],
        }
        times = {name: [] for name in contenders}
        for title in ["a round that is not counted", *round_names(args.rounds)]:
            for name, command in contenders.items():
                seconds, line = seconds_to_first_line(command)
                print(f"{title}: {name}: {seconds:.3f} s: {line}", file=sys.stderr, flush=True)
                times[name].append(seconds)
    base = statistics.median(next(iter(times.values()))[1:])
    print(f"{args.threads} threads, {args.rounds} rounds")
    print_table(
        ["what starts", "seconds to the first line (range)", "times the run's"],
        [[name, with_range(own[1:]), f"{statistics.median(own[1:]) / base:.1f}"] for name, own in times.items()])


if __name__ == "__main__":
    end_in_one_line(main, "start_elsewhere")
