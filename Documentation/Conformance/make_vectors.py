"""Writes the vectors: elements.json, scales.json, groups.json, packing.json and the same numbers in
vectors.safetensors; and nvfp4.json. The same bytes everywhere: all of it is integers and fractions (mxfp4.py, nvfp4.py), and
what looks random comes from a generator that is spelled out here. Python 3.9, no packages.

    python3 make_vectors.py            writes the files beside this one
    python3 make_vectors.py --check    says whether they are what it would write (exit status 1: no)
"""

import json
import os
import struct
import sys
import tempfile
from fractions import Fraction

import mxfp4
import nvfp4
import tensorfile
from mxfp4 import RULES, to_bits

FOLDER = os.path.dirname(os.path.abspath(__file__))
JSON_FILES = ("elements.json", "scales.json", "groups.json", "packing.json", "nvfp4.json")
NAN, INFINITY, SIGN = 0x7FC00000, 0x7F800000, 0x80000000


def power(exponent):
    return Fraction(2) ** exponent


def decimal(bits):
    """The shortest decimal that reads back as these bits."""
    number = struct.unpack("<f", struct.pack("<I", bits))[0]
    if mxfp4.magnitude(bits) is None:
        return ("-" if bits & SIGN else "") + ("inf" if bits & 0x7FFFFF == 0 else "nan")
    return next(t for t in (f"{number:.{n}g}" for n in range(1, 10)) if reads_as(t, bits))


def reads_as(text, bits):
    try:
        return struct.pack("<f", float(text)) == struct.pack("<I", bits)
    except OverflowError:
        return False


def hexadecimal(bits):
    return f"{bits:08x}"


def number(bits):
    return {"bits": hexadecimal(bits), "decimal": decimal(bits)}


class Sequence:
    """Numbers without a pattern: the upper bits of Knuth's linear congruential generator."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 33) % bound

    def sign(self):
        return 1 - 2 * self.below(2)


# Elements: codes under the scale 1.

NOT_FINITE = "E2M1 has no NaN and no infinity, so that a number that is not finite has no code"


def decoded_elements():
    return [{"code": c, **number(mxfp4.value(c, 127))} for c in range(16)]


def encoded_elements():
    grid = [to_bits(Fraction(d, 2)) for d in mxfp4.DOUBLED]
    middles = [to_bits(Fraction(a + b, 4)) for a, b in zip(mxfp4.DOUBLED, mxfp4.DOUBLED[1:])]
    near = lambda x: [x - 1, x, x + 1]
    magnitudes = [0, 1, 0x007FFFFF, 0x00800000, to_bits(Fraction(1, 8))]
    magnitudes += [x for g in grid[1:] for x in near(g)] + [x for m in middles for x in near(m)]
    magnitudes += [to_bits(x) for x in (7, Fraction(29, 4), 8, 448, power(127))] + [0x7F7FFFFF]
    entries = []
    for x in sorted(magnitudes):
        for bits in (x, x | SIGN):
            entry = {**number(bits), "code": mxfp4.code(bits, 127)}
            if mxfp4.neighbours(bits, 127)[2] == Fraction(1, 2):
                entry["tie"] = {t: mxfp4.code(bits, 127, t) for t in ("even", "away", "lower")}
            entries.append(entry)
    for bits in (INFINITY, INFINITY | SIGN, NAN, NAN | SIGN):
        entries.append({**number(bits), "code": None, "open": NOT_FINITE})
    return entries


def stochastic_elements():
    entries = []
    numerators = (0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 18, 20, 22, 24, 26, 32, 36, 40, 44, 48)
    magnitudes = [to_bits(Fraction(n, 8)) for n in numerators]
    magnitudes += [0x3DCCCCCD, 0x3E99999A, 0x3F8CCCCD, 0x400CCCCD, 0x40BCCCCD, to_bits(7)]
    for x in sorted(magnitudes):
        for bits in (x, x | SIGN):
            lower, upper, share = mxfp4.neighbours(bits, 127)
            if share == 0:
                upper = lower
            mean = mxfp4.DOUBLED[lower] + share * (mxfp4.DOUBLED[upper] - mxfp4.DOUBLED[lower])
            sign = (bits >> 31) << 3
            entries.append(
                {
                    **number(bits),
                    "lower": lower | sign,
                    "upper": upper | sign,
                    "probability": str(share),
                    "expected": number(to_bits(mean / 2, negative=sign > 0)),
                }
            )
    return entries


def elements():
    return {
        "about": "E2M1 under the scale 1. Codes have their sign in bit 3. 'tie': between two "
        "codes, 'code' is the even one. 'stochastic': 'upper' with that probability, else 'lower'.",
        "decode": decoded_elements(),
        "encode": encoded_elements(),
        "stochastic": stochastic_elements(),
    }


# Scales.

CASTS = {
    "zero": "E8M0 has no zero",
    "negative": "E8M0 has no sign",
    "infinite": "E8M0 has no infinity",
    "small": "below the smallest scale, 2^-127",
    "large": "above the largest scale, 2^127",
}


def cast_scale(bits):
    """A number in single precision as a scale, rounded in three ways; null where it is open."""
    entry = number(bits)
    x = mxfp4.magnitude(bits)
    why = None
    if x is None:
        why = None if bits & 0x7FFFFF else CASTS["infinite"]
    elif x == 0:
        why = CASTS["zero"]
    elif bits & SIGN:
        why = CASTS["negative"]
    elif x < power(-127):
        why = CASTS["small"]
    elif x > power(127):
        why = CASTS["large"]
    if why:
        return {**entry, "down": None, "nearest": None, "up": None, "open": why}
    if x is None:
        return {**entry, "down": 255, "nearest": [255], "up": 255}
    e = mxfp4.floor_log2(x)
    f = x / power(e)
    down, up = e + 127, e + 127 + (f > 1)
    half = Fraction(3, 2)
    nearest = [down] if f < half else [up] if f > half else [down, up]
    return {**entry, "down": down, "nearest": nearest, "up": up}


def cast_scales():
    bits = [to_bits(power(e)) for e in (-127, -126, -125, -20, -1, 0, 1, 2, 20, 126, 127)]
    for e in (-126, -50, 0, 1, 50, 126):
        one, half = to_bits(power(e)), to_bits(3 * power(e - 1))
        bits += [one + 1, to_bits(5 * power(e - 2)), half - 1, half, half + 1]
        bits += [to_bits(7 * power(e - 2)), to_bits(power(e + 1)) - 1]
    bits += [0x00400001, 0x005FFFFF, 0x00600000, 0x00600001, 0x007FFFFF]
    bits += [NAN, INFINITY, 0, SIGN, to_bits(-1), 1, 0x003FFFFF]
    bits += [to_bits(power(127)) + 1, 0x7F7FFFFF]
    return [cast_scale(x) for x in bits]


def maxima():
    """The largest magnitude of a group, and the scale that each rule gives it."""
    bits = [1, 2, 3, 0x00200000, 0x00400000, 0x007FFFFF]
    exponents = (-126, -125, -124, -123, -100, -21, -3, -1, 0, 1, 2, 3, 10, 21, 64, 100, 126, 127)
    for e in exponents:
        one = to_bits(power(e))
        bits.append(one)
        bits.append(one + 1)
        # 1.5, 1.75 and 1.8125, the numbers beside them, and what is just beneath the next power.
        for fraction in (0x400000, 0x600000, 0x680000):
            bits += [one + fraction - 1, one + fraction, one + fraction + 1]
        bits.append(one + 0x7FFFFF)
    return [
        {**number(x), **{rule: mxfp4.scale_byte(mxfp4.magnitude(x), rule) for rule in RULES}}
        for x in bits
    ]


def scale_values():
    """All sixteen codes under scales at both ends and where half precision ends."""
    bytes_ = (0, 1, 2, 3, 102, 103, 104, 126, 127, 128, 141, 142, 143, 250, 251, 252, 253, 254, 255)
    entries = []
    for byte in bytes_:
        values = [mxfp4.value(code, byte) for code in range(16)]
        entry = {"byte": byte, "bits": [hexadecimal(x) for x in values]}
        if any(x & ~SIGN == INFINITY for x in values):
            entry["open"] = "the infinite ones: beyond single precision"
        entries.append(entry)
    return entries


def scales():
    return {
        "about": "E8M0. 'decode': all bytes. 'cast': a number rounded to a scale; nearest by "
        "distance, both where it lies between. 'maxima': the scale of a group by its largest "
        "magnitude. 'values': codes 0 to 15 under a scale.",
        "decode": [
            {"byte": byte, **number(NAN if byte == 255 else to_bits(power(byte - 127)))}
            for byte in range(256)
        ],
        "cast": cast_scales(),
        "maxima": maxima(),
        "values": scale_values(),
    }


# Groups.


def filled(maximum, seed, length=32):
    """A group with a given largest magnitude (its bits): multiples of 1/64 of its power of two."""
    sequence, e = Sequence(seed), mxfp4.floor_log2(mxfp4.magnitude(maximum))
    unit = power(max(e - 6, -149))
    row = []
    for _ in range(length):
        steps, sign = sequence.below(65), sequence.sign()
        row.append(to_bits(steps * unit, negative=sign < 0))
    row[5 % length] = maximum | (SIGN if seed % 2 else 0)
    return row


def scattered(seed, length, low, high):
    """Numbers with all 24 digits, and exponents from a range."""
    sequence = Sequence(seed)
    row = []
    for _ in range(length):
        exponent = low + sequence.below(high - low + 1)
        fraction = sequence.below(1 << 23)
        row.append(sequence.below(2) << 31 | exponent + 127 << 23 | fraction)
    return row


def with_maximum(row, *others):
    """Numbers behind one another, filled up to 32 with zeros."""
    bits = list(row) + [x for other in others for x in other]
    return bits + [0] * (32 - len(bits))


def group_rows():
    """(name, what it is about, bits)."""
    half = lambda n: to_bits(Fraction(n, 2))
    grid = [half(d) for d in mxfp4.DOUBLED]
    middles = [to_bits(Fraction(a + b, 4)) for a, b in zip(mxfp4.DOUBLED, mxfp4.DOUBLED[1:])]
    beside = [x for m in middles for x in (m - 1, m, m + 1)]
    six, one, minimum = to_bits(6), to_bits(1), 0x00800000
    yield "zeros", "nothing but +0", [0] * 32
    yield "zeros-of-both-signs", "+0 and -0", [0, SIGN] * 16
    yield "ones", "32 times 1", [one] * 32
    yield "every-code", "all values of E2M1, twice", (grid + [x | SIGN for x in grid]) * 2
    yield "ties", "6, and every midpoint with its neighbours", with_maximum([six], beside)
    yield (
        "ties-negative",
        "the same below zero",
        with_maximum([six | SIGN], [x | SIGN for x in beside]),
    )
    shift = lambda row, e: [to_bits(mxfp4.magnitude(x) * power(e)) for x in row]
    yield "ties-small", "the same times 2^-100", shift(with_maximum([six], beside), -100)
    yield "ties-large", "the same times 2^100", shift(with_maximum([six], beside), 100)
    yield (
        "one-huge",
        "the largest number there is, among ones: they vanish, and keep their signs",
        [0x7F7FFFFF] + [one, one | SIGN] * 15 + [one],
    )
    yield (
        "one-large",
        "1000 among numbers around 1",
        [to_bits(1000)] + scattered(21, 31, -2, 1),
    )
    yield "one-negative", "the largest is below zero", filled(to_bits(7), 33)
    yield "minus-zeros", "-0 among numbers", [SIGN, one, SIGN, six | SIGN] * 8
    yield (
        "saturating",
        "between 6 and 8, of both signs: all clip where the scale stays 1",
        [to_bits(Fraction(n, 16)) | SIGN * (n % 2) for n in range(96, 128)],
    )
    for name, bits in (
        ("4", to_bits(4)),
        ("just-above-4", to_bits(4) + 1),
        ("just-below-6", six - 1),
        ("6", six),
        ("just-above-6", six + 1),
        ("just-below-7", to_bits(7) - 1),
        ("7", to_bits(7)),
        ("7.25", to_bits(Fraction(29, 4))),
        ("just-above-7.25", to_bits(Fraction(29, 4)) + 1),
        ("just-below-8", to_bits(8) - 1),
    ):
        yield f"maximum-{name}", f"the largest magnitude is {decimal(bits)}", filled(bits, 2)
    for e, steps in ((10, 0), (10, -1), (20, 7), (100, -1), (-20, -1), (-100, 0), (127, 0)):
        bits = to_bits(power(e)) + steps if steps <= 0 else to_bits(steps * power(e))
        name = {0: f"2^{e}", -1: f"just-below-2^{e}"}.get(steps, f"{steps}-times-2^{e}")
        yield f"maximum-{name}", f"the largest magnitude is {decimal(bits)}", filled(bits, 4)
    yield "maximum-of-all", "the largest magnitude is the largest number", filled(0x7F7FFFFF, 6)
    for n, name in ((4, "4"), (6, "6"), (7, "7")):
        bits = to_bits(n * power(-127))
        yield (
            f"smallest-scale-{name}",
            f"the largest magnitude is {name} times the smallest scale",
            filled(bits, 8),
        )
    yield "smallest-normal", "the largest magnitude is 2^-126", filled(minimum, 10)
    yield "subnormal", "subnormal numbers, the largest of them among them", filled(minimum - 1, 12)
    yield (
        "subnormal-ties",
        "multiples of 2^-129, a fourth of the smallest scale",
        [to_bits(n * power(-129)) | SIGN * (n % 2) for n in range(32)],
    )
    yield "subnormal-smallest", "the smallest number there is, and zeros", [1, 0, SIGN | 1, 0] * 8
    yield "scattered-near", "numbers within 16 of each other", scattered(41, 32, -3, 0)
    yield "scattered-wide", "numbers of 2^-12 to 2^8", scattered(42, 32, -12, 7)
    yield "scattered-two-groups", "a row of two groups", scattered(43, 64, -4, 4)
    yield "short-1", "a row of one element", [to_bits(Fraction(5, 2))]
    yield "short-5", "a row of five elements", scattered(44, 5, -2, 2)
    yield "short-31", "a group that lacks one", filled(six + 1, 45, 31)
    yield "short-33", "a group, and one element more", scattered(46, 32, 0, 3) + [0x3ECCCCCD]
    yield "short-40", "a group, and a fourth of one", scattered(47, 40, -6, 2)
    numbers = scattered(48, 32, -1, 1)
    for name, bits in (
        ("nan", NAN),
        ("nan-negative-signalling", 0xFF800001),
        ("infinity", INFINITY),
        ("minus-infinity", INFINITY | SIGN),
    ):
        yield f"{name}", f"one {decimal(bits)}", numbers[:9] + [bits] + numbers[10:]
    yield (
        "nan-in-second-group",
        "a group of numbers, one with a NaN, one of numbers",
        numbers + [one] * 7 + [NAN] + [one] * 24 + scattered(49, 32, 2, 4),
    )


OPEN_ZERO = "no rule gives zeros a scale: log2(0) does not exist. Any scale is right, 0 is written."
OPEN_NAN = NOT_FINITE + "; NaN is written, for the whole group."


def openness(bits):
    """Group by group: what no specification decides."""
    result = []
    for start in range(0, len(bits), 32):
        magnitudes = [mxfp4.magnitude(x) for x in bits[start : start + 32]]
        if None in magnitudes:
            result.append("everything")
        else:
            result.append("scale" if max(magnitudes) == 0 else "nothing")
    return result


def group_entries():
    entries = []
    for name, about, bits in group_rows():
        entry = {"name": name, "about": about}
        if set(openness(bits)) != {"nothing"}:
            entry["open"] = openness(bits)
            entry["why"] = OPEN_NAN if "everything" in entry["open"] else OPEN_ZERO
        entry["bits"] = [hexadecimal(x) for x in bits]
        entry["decimal"] = [decimal(x) for x in bits]
        expected = []
        for rule in RULES:
            scales_, codes = mxfp4.encode_bits(bits, rule)
            same = next((x for x in expected if x["scales"] == scales_), None)
            if same:
                same["rules"].append(rule)
                continue
            values = mxfp4.decode_bits(scales_, codes)
            expected.append(
                {
                    "rules": [rule],
                    "scales": scales_,
                    "codes": codes,
                    "blocks": mxfp4.blocks(codes).hex(),
                    "decoded": [hexadecimal(x) for x in values],
                }
            )
        entries.append({**entry, "expected": expected})
    return entries


def groups():
    return {
        "about": "Rows in single precision, in groups of 32 of which the last may be short, "
        "rounded to the nearest with ties to even. One scale byte a group, one code an element; "
        "'blocks' has two codes a byte. 'open': group by group, what no specification decides.",
        "cases": group_entries(),
    }


# Packing.


def packing():
    sequence = Sequence(77)
    cases = [
        ("counting", [127], list(range(16)) * 2),
        ("five-elements", [128], [{0: 3, 1: 1, 15: 15, 16: 7, 31: 9}.get(j, 0) for j in range(32)]),
        ("two-groups", [0, 250], [sequence.below(16) for _ in range(64)]),
        ("three-groups", [120, 127, 1], [sequence.below(16) for _ in range(96)]),
    ]
    return {
        "about": "Codes and scales as bytes. 'blocks': two codes a byte, the even element in the "
        "low nibble (published checkpoints, compressed-tensors, ONNX). 'gguf': ggml's type 39, a "
        "scale and 16 bytes a group, element j low and j + 16 high. 'mlx': words of 32 bits.",
        "cases": [
            {
                "name": name,
                "scales": scales_,
                "codes": codes,
                "blocks": mxfp4.blocks(codes).hex(),
                "gguf": mxfp4.gguf_blocks(scales_, codes).hex(),
                "mlx": [hexadecimal(x) for x in mxfp4.mlx_words(codes)],
                "decoded": [hexadecimal(x) for x in mxfp4.decode_bits(scales_, codes)],
            }
            for name, scales_, codes in cases
        ],
    }


# NVFP4.


def number_casts():
    """Numbers as scales of E4M3: every number there is, every middle of two, and the floats beside them."""
    grid = [to_bits(value) for value in nvfp4.SCALES]
    middles = [to_bits((a + b) / 2) for a, b in zip(nvfp4.SCALES, nvfp4.SCALES[1:])]
    bits = {x + step for x in grid + middles for step in (-1, 0, 1) if x + step >= 0}
    bits |= {1, to_bits(449), to_bits(464), to_bits(480), 0x7F7FFFFF}
    return [
        {
            **number(x),
            "nearest": nvfp4.nearest_scale(mxfp4.magnitude(x)),
            "up": nvfp4.scale_not_below(mxfp4.magnitude(x)),
        }
        for x in sorted(bits)
    ]


def nvfp4_rows():
    """(name, what it is about, bits): each a matrix of one row."""
    grid = [to_bits(Fraction(d, 2)) for d in mxfp4.DOUBLED]
    middles = [to_bits(Fraction(a + b, 4)) for a, b in zip(mxfp4.DOUBLED, mxfp4.DOUBLED[1:])]
    top = to_bits(2688)  # the outer scale is 1
    short = lambda row: list(row) + [0] * (16 - len(row))
    yield "zeros", "nothing but zeros of both signs: the outer scale is 1", [0, SIGN] * 16
    yield "every-code", "all values of E2M1 under the largest scale", (
        [to_bits(448 * mxfp4.magnitude(x)) for x in grid + [x | SIGN for x in grid]]
    )
    yield "ties", "every midpoint with its neighbours, under the scale 1", (
        short([top]) + short([to_bits(6)] + middles) + short([to_bits(6)] + [x - 1 for x in middles])
        + short([to_bits(6) | SIGN] + [x + 1 | SIGN for x in middles])
    )
    for name, numbers in (
        ("scales-exact", (1, 2, 3, 7, 8, 9, 15, 16, 17, 100, 120, 126)),
        ("scales-middle", (0, 1, 2, 7, 8, 15, 16, 17, 63, 64, 100, 125)),
    ):
        row = short([top])
        for byte in numbers:
            low = nvfp4.SCALES[byte]
            wanted = low if name == "scales-exact" else (low + nvfp4.SCALES[byte + 1]) / 2
            for step in (-1, 0, 1):
                maximum = to_bits(6 * wanted) + step
                row += short([maximum, to_bits(wanted), to_bits(wanted * 5 / 2) | SIGN])
        yield name, "groups whose scale is at a number of E4M3, or between two, and the floats beside it", row
    yield "vanishing", "a group that is too small for the nearest scale, and one that is not", (
        short([top]) + short([to_bits(power(-9)), 1]) + short([to_bits(6 * power(-10)), to_bits(power(-10))])
    )
    yield "outer-rounded", "a largest magnitude that is no multiple of 2688", scattered(61, 48, -4, 4)
    for seed in range(62, 68):
        yield f"scattered-{seed}", "numbers of exponents from a range", (
            scattered(seed, 16 * 3, -3 * (seed - 61), 3)
        )
    yield "one-huge", "the largest number there is, among ones", [0x7F7FFFFF] + [to_bits(1)] * 31
    yield "outer-smallest", "so small a matrix that the outer scale is 2^-126", (
        [to_bits(n * power(-130)) | SIGN * (n % 2) for n in range(16)]
    )
    yield "subnormal", "the smallest numbers there are", [1, 2, 3, 0x007FFFFF] * 4
    yield "short-1", "a row of one element", [to_bits(Fraction(5, 2))]
    yield "short-20", "a group, and a fourth of one", scattered(70, 20, -4, 2)
    numbers = scattered(71, 48, -2, 2)
    for name, bits in (("nan", NAN), ("infinity", INFINITY), ("minus-infinity", INFINITY | SIGN)):
        yield name, f"one {decimal(bits)} in the second of three groups", (
            numbers[:20] + [bits] + numbers[21:]
        )


def nvfp4_vectors():
    rows = []
    for name, about, bits in nvfp4_rows():
        entry = {"name": name, "about": about, "bits": [hexadecimal(x) for x in bits], "expected": []}
        for rule in nvfp4.RULES:
            outer, scales_, codes = nvfp4.encode_bits(bits, rule)
            values = nvfp4.decode_bits(outer, scales_, codes)
            entry["expected"].append(
                {
                    "rules": [rule],
                    "outer": number(outer),
                    "scales": scales_,
                    "codes": codes,
                    "blocks": nvfp4.blocks(codes).hex(),
                    "decoded": [hexadecimal(x) for x in values],
                }
            )
        rows.append(entry)
    return {
        "about": "NVFP4. 'decode': E4M3's bytes. 'cast': a number as a scale, to the nearest with ties to even, and up. "
        "'cases': rows in single precision, in groups of 16, each a matrix with an outer scale of its own, rounded to the "
        "nearest with ties to even.",
        "decode": [
            {"byte": byte, **number(to_bits(value))} for byte, value in enumerate(nvfp4.SCALES)
        ],
        "cast": number_casts(),
        "cases": rows,
    }


# Files.


def json_text(content):
    """One entry a line; long arrays in lines of eight."""
    lines = ["{"]
    for place, (key, value) in enumerate(content.items()):
        comma = "," if place + 1 < len(content) else ""
        if isinstance(value, list):
            entries = ",\n".join(entry_text(x) for x in value)
            lines.append(f'  "{key}": [\n{entries}\n  ]{comma}')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}{comma}')
    return "\n".join(lines) + "\n}\n"


def entry_text(entry, indent=4):
    blank = " " * indent
    flat = blank + json.dumps(entry)
    if len(flat) <= 160 or not isinstance(entry, dict):
        return flat
    lines = []
    for key, value in entry.items():
        text = json.dumps(value)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            text = "[\n" + ",\n".join(entry_text(x, indent + 4) for x in value) + f"\n{blank}  ]"
        elif isinstance(value, list) and len(value) > 16:
            step = 16 if isinstance(value[0], int) else 8
            parts = [json.dumps(value[i : i + step])[1:-1] for i in range(0, len(value), step)]
            text = "[\n" + ",\n".join(f"{blank}    {part}" for part in parts) + f"\n{blank}  ]"
        lines.append(f'{blank}  "{key}": {text}')
    return f"{blank}{{\n" + ",\n".join(lines) + f"\n{blank}}}"


def packed(kind, numbers):
    return struct.pack(f"<{len(numbers)}{kind}", *numbers)


def tensors(files):
    """The groups' rows behind one another, and what the rules make of them; elements and scales."""
    cases = files["groups.json"]["cases"]
    bits = lambda texts: packed("I", [int(text, 16) for text in texts])
    rows = [text for case in cases for text in case["bits"]]
    starts = [0]
    for case in cases:
        starts.append(starts[-1] + len(case["bits"]))
    result = {
        "groups.x": ("F32", [len(rows)], bits(rows)),
        "groups.starts": ("I32", [len(starts)], packed("i", starts)),
    }
    small = {}
    for rule in RULES:
        own = [next(x for x in case["expected"] if rule in x["rules"]) for case in cases]
        decoded = [text for x in own for text in x["decoded"]]
        result[f"groups.{rule}.decoded"] = ("F32", [len(decoded)], bits(decoded))
        bytes_ = bytes(byte for x in own for byte in x["scales"])
        small[f"groups.{rule}.scales"] = ("U8", [len(bytes_)], bytes_)
        codes = bytes(code for x in own for code in x["codes"])
        small[f"groups.{rule}.codes"] = ("U8", [len(codes)], codes)
        blocks = bytes.fromhex("".join(x["blocks"] for x in own))
        small[f"groups.{rule}.blocks"] = ("U8", [len(blocks) // 16, 16], blocks)
    largest = files["scales.json"]["maxima"]
    result["maxima.x"] = ("F32", [len(largest)], bits([x["bits"] for x in largest]))
    for rule in RULES:
        small[f"maxima.{rule}.scales"] = ("U8", [len(largest)], bytes(x[rule] for x in largest))
    encoded = [x for x in files["elements.json"]["encode"] if x["code"] is not None]
    result["elements.x"] = ("F32", [len(encoded)], bits([x["bits"] for x in encoded]))
    small["elements.codes"] = ("U8", [len(encoded)], bytes(x["code"] for x in encoded))
    return {**result, **small}


def write_all(folder):
    files = dict(zip(JSON_FILES, (elements(), scales(), groups(), packing(), nvfp4_vectors())))
    for name, content in files.items():
        with open(os.path.join(folder, name), "w", newline="\n") as file:
            file.write(json_text(content))
    names = [case["name"] for case in files["groups.json"]["cases"]]
    tensorfile.write(
        os.path.join(folder, "vectors.safetensors"),
        tensors(files),
        {"groups": ",".join(names), "rules": ",".join(RULES), "source": "make_vectors.py"},
    )


def contents(folder):
    result = {}
    for name in JSON_FILES + ("vectors.safetensors",):
        with open(os.path.join(folder, name), "rb") as file:
            result[name] = file.read()
    return result


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: make_vectors.py [--check]")
    if not sys.argv[1:]:
        write_all(FOLDER)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_all(folder)
        fresh, kept = contents(folder), contents(FOLDER)
    different = [name for name in fresh if fresh[name] != kept[name]]
    for name in different:
        print(f"{name} is not what make_vectors.py writes: run it, and look at the difference")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
