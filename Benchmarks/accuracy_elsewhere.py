"""Is the exported model as good elsewhere as it was in training? Top-1 and logits of one run, by this command and by other runtimes.

    pip install -r Benchmarks/requirements.txt
    python Benchmarks/accuracy_elsewhere.py RUN --data FOLDER

RUN is a run of a 4-bit method on FOLDER, which holds test/CLASS/IMAGE with images of the model's own size. First come what training's last
evaluation said and what `tetrajet eval` says of the run and of every layout that it reads: these must be equal to the digit. Then
each runtime computes logits of all test images; beside its top-1 stands the largest difference from those that `tetrajet predict`
says with the same activations, and how many images get another class. (predict says probabilities: logits but for a constant an image, so
the logarithms are compared after the mean of each image is taken off.) What a runtime does not run is said with its message. The exit
status is 1 if an evaluation differs, or if single precision with full activations differs by more than 1e-3.
"""

import argparse
import copy
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import torch
from PIL import Image

from exports_elsewhere import CheckFailed, first_line, load, run_onnxruntime, run_openvino, run_transformers, tetrajet
from pytorch.fake_mxfp4 import quantize_linears
from pytorch.timm_models import model_from_metadata, relative_l2
from side_by_side import print_table

# Layouts that eval reads: what the row is called, the output's name, arguments of export.
READ = [
    ("hf", "hf", ["--layout", "hf"]),
    ("compressed-tensors", "ct", ["--layout", "compressed-tensors"]),
    ("gguf", "model.gguf", ["--layout", "gguf"]),
    ("mlx", "mlx", ["--layout", "mlx"]),
]
ONNX = [
    ("model.onnx", ["--layout", "onnx"]),
    ("table.onnx", ["--layout", "onnx", "--codes", "table"]),
    ("ct-w4a4", ["--layout", "compressed-tensors", "--activations", "mxfp4"]),
]


def run_openvino_defaults(path):
    """OpenVINO as it comes"""
    return run_openvino(path, options=())


# What runs what: the row's name, the layout, the export's name, the runner, its activations, whether it is held to single precision.
FOREIGN = [
    ("OpenVINO, single precision", "onnx", "model.onnx", run_openvino, "full", True),
    ("OpenVINO, its defaults", "onnx", "model.onnx", run_openvino_defaults, "full", False),
    ("onnxruntime", "onnx", "model.onnx", run_onnxruntime, "full", True),
    ("onnxruntime", "onnx --codes table", "table.onnx", run_onnxruntime, "full", True),
    ("transformers, bfloat16", "compressed-tensors", "ct", run_transformers, "full", False),
    ("transformers, bfloat16", "compressed-tensors --activations mxfp4", "ct-w4a4", run_transformers, "mxfp4", False),
]


def output_of(command, *arguments):
    """What the command prints."""
    done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CheckFailed(f"tetrajet {arguments[0]} ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def evaluation(command, model, data, *options):
    """Top-1 in percent and the loss, as eval --json says them."""
    result = json.loads(output_of(command, "eval", model, "--data", data, "--json", *options))
    return result["eval_top1"], result["eval_loss"]


def predicted(command, model, files, classes, *options):
    """Logits [B, classes] of the files, but for a constant each: logarithms of predict's probabilities."""
    done = subprocess.run(
        [command, "predict", model, "-", "--format", "csv", "--top", str(classes), *options], check=False,
        input="\n".join(map(str, files)), capture_output=True, text=True)
    if done.returncode != 0:
        raise CheckFailed(f"tetrajet predict ended with status {done.returncode}: {done.stderr.strip()}")
    row_of = {str(file): index for index, file in enumerate(files)}
    logits = numpy.full((len(files), classes), numpy.nan)
    for row in csv.DictReader(done.stdout.splitlines()):
        logits[row_of[row["image"]], int(row["label"])] = numpy.log(float(row["probability"]))
    return torch.from_numpy(logits)


def prepared(files, folder):
    """The images [B, channels, height, width] as preprocessor_config.json of an export says; sizes must be the model's own."""
    config = json.loads((folder / "preprocessor_config.json").read_text())
    mean, deviation = (numpy.array(config[key], numpy.float32) for key in ("image_mean", "image_std"))
    images = numpy.stack([numpy.asarray(Image.open(file).convert("RGB")) for file in files])
    values = (images.astype(numpy.float32) * numpy.float32(config.get("rescale_factor", 1 / 255)) - mean) / deviation
    return torch.from_numpy(values.transpose(0, 3, 1, 2).copy())


def compared(logits, ours, labels):
    """Top-1 in percent, the largest and the relative difference of centred logits, and how many images get another class."""
    found = logits.double() - logits.double().mean(1, keepdim=True)
    expected = ours - ours.mean(1, keepdim=True)
    best = found.argmax(1)
    return (
        100 * float((best == labels).double().mean()), float((found - expected).abs().max()), relative_l2(found, expected),
        int((best != expected.argmax(1)).sum()))


def main():
    parser = argparse.ArgumentParser(description="top-1 and logits of an exported model, here and in other runtimes")
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="the folder the run was trained on; it holds test/")
    parser.add_argument("--tetrajet", default=".build/release/tetrajet", help="the built command")
    parser.add_argument("--batch", type=int, default=250, help="images that a foreign runtime gets at once")
    args = parser.parse_args()
    torch.set_num_threads(2)
    command, failed, rows = args.tetrajet, False, []
    names = sorted(folder.name for folder in (args.data / "test").iterdir() if folder.is_dir())
    files = sorted(file for name in names for file in (args.data / "test" / name).iterdir())
    labels = torch.tensor([names.index(file.parent.name) for file in files])

    trained = json.loads((args.run / "evaluation.json").read_text())
    rows.append(["training's last evaluation", "", "mxfp4", f"{trained['eval_top1']:.2f}", f"{trained['eval_loss']:.6f}", "", "", ""])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for _, name, arguments in READ + [("", *rest) for rest in ONNX]:
            tetrajet(command, "export", args.run, folder / name, *arguments)
        for activations in ("mxfp4", "full"):
            first = None
            for layout, path in [("run", args.run)] + [(layout, folder / name) for layout, name, _ in READ]:
                top1, loss = evaluation(command, path, args.data, "--activations", activations)
                rows.append(["tetrajet eval", layout, activations, f"{top1:.2f}", f"{loss:.6f}", "", "", ""])
                if first is None:
                    first = (trained["eval_top1"], trained["eval_loss"]) if activations == "mxfp4" else (top1, loss)
                failed |= (top1, loss) != first

        images = prepared(files, folder / "hf")
        ours = {
            activations: predicted(command, args.run, files, len(names), "--activations", activations)
            for activations in ("mxfp4", "full")}

        def row(runtime, layout, load_model, activations, exact):
            nonlocal failed
            try:
                run = load_model()
                with torch.inference_mode():
                    logits = torch.cat([run(batch) for batch in images.split(args.batch)])
            except Exception as error:  # Whatever a library throws is its answer.
                rows.append([runtime, layout, activations, f"does not run it: {first_line(error)}", "", "", "", ""])
                return
            top1, difference, relative, others = compared(logits, ours[activations], labels)
            loss = float(torch.nn.functional.cross_entropy(logits.double(), labels))
            rows.append([
                runtime, layout, activations, f"{top1:.2f}", f"{loss:.6f}", f"{difference:.2g}", f"{relative:.2g}", str(others)])
            failed |= exact and difference > 1e-3

        tetrajet(command, "quantize", args.run, folder / "values", "--values")
        values = load(folder / "values")[0]
        values = {key.removesuffix(".values"): value for key, value in values.items() if key.endswith(".values")}
        tensors, metadata = load(args.run / "last.safetensors")
        model = model_from_metadata(metadata).eval()
        model.load_state_dict({key: value for key, value in tensors.items() if not key.endswith(".ema")} | values)
        simulated = copy.deepcopy(model)
        quantize_linears(simulated, "tetrajet")
        row("timm, single precision", "values of the codes", lambda: model, "full", True)
        row("timm, activations simulated", "values of the codes", lambda: simulated, "mxfp4", False)
        for runtime, layout, name, runner, activations, exact in FOREIGN:
            row(runtime, layout, lambda: runner(folder / name), activations, exact)
    print_table(
        ["what", "of", "activations", "top-1 %", "loss", "largest difference of logits", "relative", "another class"], rows)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    try:
        main()
    except CheckFailed as failure:
        sys.exit(f"accuracy_elsewhere: {failure}")
