"""Cuts the golden vectors down to what the repository can hold: python Tests/Golden/cut.py FOLDER.

FOLDER has the whole files, which tests use where TETRAJET_GOLDEN names it. The cut has one lane of every kind of group,
some rows of matrices, and of results the first rows: each number stands as it is in the whole. Needs NumPy and safetensors.
"""

import sys
from pathlib import Path

import numpy
from safetensors import safe_open
from safetensors.numpy import save_file

SOURCE, TARGET = Path(sys.argv[1]), Path(__file__).parent


def read(name):
    with safe_open(SOURCE / f"{name}.safetensors", "np") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()


def write(name, tensors, metadata):
    tensors = {key: numpy.ascontiguousarray(value) for key, value in tensors.items()}
    save_file(tensors, TARGET / f"{name}.safetensors", metadata)
    (TARGET / f"{name}.safetensors").chmod(0o644)


def quantizers():
    whole, metadata = read("quantizers")
    cut = {}
    for key, value in whole.items():
        element, rule, axis, kind, shape, what = key.split(".")
        # Groups of 80, of which the last is ragged, and of 50; E3M0 by two kinds of numbers.
        if shape != "50x80" or element == "e3m0" and kind not in ("ties", "extreme"):
            continue
        cut[key] = value[3:4] if axis == "rows" else value[:, 3:4]
    write("quantizers", cut, metadata)


def packed():
    whole, metadata = read("packed")
    write("packed", {key: value[:16] for key, value in whole.items()}, metadata)


def linear():
    whole, metadata = read("linear")
    cut = {}
    for key, value in whole.items():
        shape, *rest = key.split(".")
        if shape != "50x64x96":
            continue
        if len(rest) == 1:
            cut[key] = value
        elif rest[1] == "all":
            # What all of N, C or D make, in some rows.
            cut[key] = value[:3]
    write("linear", cut, metadata)


def oscillation():
    whole, metadata = read("oscillation")
    cut = {key: value[:, :2] if key == "weights" else value[:2] for key, value in whole.items()}
    write("oscillation", cut, metadata)


def ramping_adamw():
    whole, metadata = read("ramping_adamw")
    write("ramping_adamw", {key: value[..., :2, :] for key, value in whole.items()}, metadata)


for cut in [quantizers, packed, linear, oscillation, ramping_adamw]:
    cut()
