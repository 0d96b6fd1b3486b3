"""Vectors of MXFP6, MXFP8 and NVFP4, computed by NumPy and ml_dtypes from the published definitions alone.

    pip install numpy ml_dtypes
    python Benchmarks/format_vectors.py >Tests/Golden/formats.json

MX: OCP Microscaling Formats specification v1.0, section 6.3, with the scale of the paper ("truncation-free") beside OCP's own
("floor"). NVFP4: groups of 16 under the nearest number of E4M3 ("even", as NVIDIA's recipe and compressed-tensors have it), and
under the smallest one that cuts nothing off; each once more with the better of two scales ("4/6"), and all of these with an outer
scale for each 128 numbers, as TetraJet-v2 has them, of which there are more. Rounding to the nearest is ml_dtypes' cast; stochastic rounding goes up where the
fraction of the gap, in 65536ths, is above the draw and a half.
"""

import json

import ml_dtypes
import numpy as np

single = np.float32
ELEMENTS = {
    "e2m3": ml_dtypes.float6_e2m3fn,
    "e3m2": ml_dtypes.float6_e3m2fn,
    "e4m3": ml_dtypes.float8_e4m3fn,
    "e5m2": ml_dtypes.float8_e5m2,
    "nvfp4": ml_dtypes.float4_e2m1fn,
    "nvfp4-1x128": ml_dtypes.float4_e2m1fn,
}


def magnitudes(element):
    """The values of all positive codes that are finite."""
    bits = {ml_dtypes.float4_e2m1fn: 3, ml_dtypes.float6_e2m3fn: 5, ml_dtypes.float6_e3m2fn: 5}.get(element, 7)
    values = np.arange(2**bits, dtype=np.uint8).view(element).astype(np.float64)
    return values[np.isfinite(values)]


def power_of_two(largest, grid, rule):
    """The exponent of a group's scale, and its byte."""
    if largest == 0:
        return single(2.0**-127), 0
    top = int(np.floor(np.log2(grid[-1])))
    exponent = int(np.frexp(np.float64(largest))[1]) - 1 - top
    if rule == "truncation-free" and np.float64(largest) > grid[-1] * 2.0**exponent:
        exponent += 1
    exponent = max(-127, min(127, exponent))
    return single(2.0**exponent), exponent + 127


NUMBERS = np.arange(127, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(single)


def number(largest, outer, rule, target=6):
    """The E4M3 scale with which a group's largest magnitude becomes `target`, times the outer scale, and its byte."""
    wanted = single(single(largest / outer) / single(target))
    if rule == "even":
        byte = int(np.minimum(wanted, single(448)).astype(ml_dtypes.float8_e4m3fn).view(np.uint8))
    else:
        byte = int(np.searchsorted(NUMBERS, min(wanted, single(448)), side="left"))
        if byte < 126 and NUMBERS[byte] * outer > 0 and single(largest / single(NUMBERS[byte] * outer)) > target:
            byte += 1
    return single(NUMBERS[byte] * outer), byte


def loss(group, byte, scale):
    """What a group of NVFP4 loses, squared, in units of the outer scale: halves are added until one number is left."""
    y = np.abs(group) / scale if scale > 0 else np.zeros_like(group)
    nearest = np.minimum(y, single(6)).astype(ml_dtypes.float4_e2m1fn).astype(single)
    losses = ((y - nearest) * NUMBERS[byte]) ** 2
    while len(losses) > 1:
        losses = losses[: len(losses) // 2] + losses[len(losses) // 2 :]
    return losses[0]


def better_number(group, outer, rule):
    """The scale that makes a group's largest magnitude 6, or the one that makes it 4 (Four Over Six, arXiv:2512.02010)."""
    largest = np.abs(group).max()
    six, four = number(largest, outer, rule), number(largest, outer, rule, target=4)
    if single(single(largest / outer) / single(4)) > 448:
        return six
    return four if six[1] == 0 or loss(group, four[1], four[0]) < loss(group, six[1], six[0]) else six


def quantize_runs(x, name, rule, draws, tries_four=False):
    """Run by run where these have outer scales of their own, else as a whole."""
    length = 128 if name == "nvfp4-1x128" else len(x)
    runs = [slice(start, start + length) for start in range(0, len(x), length)]
    parts = [quantize(x[run], name, rule, draws[run], tries_four) for run in runs]
    return {key: sum((part[key] for part in parts), []) for key in parts[0]}


def quantize(x, name, rule, draws, tries_four=False):
    element = ELEMENTS[name]
    has_numbers = name.startswith("nvfp4")
    grid, size = magnitudes(element), 16 if has_numbers else 32
    sign_bit = len(grid) if name not in ("e4m3", "e5m2") else 128
    outer = single(1)
    if has_numbers:
        largest = np.abs(x).max()
        most = single(256 if tries_four else 448)
        outer = single(largest / (most * single(6)))
        if rule != "even" and single(largest / single(most * outer)) > 6:
            outer = np.nextafter(outer, single(np.inf))
        outer = max(outer, single(2.0**-126))
    scales, codes, values = [], [], []
    for start in range(0, len(x), size):
        group, random = x[start : start + size], draws[start : start + size]
        largest = np.abs(group).max()
        if tries_four:
            scale, byte = better_number(group, outer, rule)
        else:
            scale, byte = number(largest, outer, rule) if has_numbers else power_of_two(largest, grid, rule)
        scales.append(byte)
        y = np.abs(group) / scale if scale > 0 else np.zeros_like(group)
        clipped = np.minimum(y, single(grid[-1]))
        if random[0] < 0:
            code = clipped.astype(element).view(np.uint8).astype(int)
        else:
            lower = np.searchsorted(grid, clipped.astype(np.float64), side="right") - 1
            upper = np.minimum(lower + 1, len(grid) - 1)
            gap = np.where(upper > lower, grid[upper] - grid[lower], 1)
            code = lower + ((clipped - grid[lower]) / gap * 65536 > random + 0.5)
        codes += [int(c) | (sign_bit if np.signbit(v) else 0) for c, v in zip(code, group)]
        values.append(np.copysign(grid[code].astype(single) * scale, group))
    values = np.concatenate(values)
    return {"scales": scales, "outer": [int(outer.view(np.uint32))], "codes": codes, "values": values.view(np.uint32).tolist()}


random = np.random.default_rng(22)
# Groups of all sizes beside each other, one of zeros, one of a single number; ties, exact values and both zeros.
x = (random.standard_normal(112) * 2.0 ** random.integers(-12, 5, 112)).astype(single)
x[16:32] *= single(2.0**-9)
x[32:64] = 0
x[40] = 1e-6
x[64:80] = single([6, -1.3, 0.2, 3.1, 0.5, -0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5, -5, 0, -0.0, 0.125])
draws = random.integers(0, 65536, 112)
# Numbers of other sizes behind them, for two runs more, of which the last is short.
more = (random.standard_normal(168) * 2.0 ** random.integers(-3, 12, 168)).astype(single)
x, draws = np.concatenate([x, more]), np.concatenate([draws, random.integers(0, 65536, 168)])
cases = []
for name in ELEMENTS:
    has_numbers = name.startswith("nvfp4")
    length = 280 if name == "nvfp4-1x128" else 112
    for rule in ["truncation-free", "even" if has_numbers else "floor"]:
        for rounding, bits in [("nearest-even", np.full(length, -1)), ("stochastic", draws[:length])]:
            for tries_four in (False, True) if has_numbers else (False,):
                case = {"format": name, "rule": rule, "rounding": rounding, "tries_four": tries_four}
                cases.append({**case, **quantize_runs(x[:length], name, rule, bits, tries_four)})
print(json.dumps({"x": x.view(np.uint32).tolist(), "draws": draws.tolist(), "cases": cases}))
