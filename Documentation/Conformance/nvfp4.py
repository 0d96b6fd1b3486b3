"""NVFP4 by its definition: E2M1 elements in groups of 16 under E4M3 scales, and one number in single precision for all.

Everything is computed in fractions. What the definition rounds to single precision is rounded here by `single`;
nothing else is. Numbers in single precision go in and out as their 32 bits.

Sources: OCP 8-bit Floating Point specification v1.0 (E4M3); Formats.md, "NVFP4", which says what is rounded, and when.
"""

import struct
from fractions import Fraction

from mxfp4 import DOUBLED, floor_log2, magnitude, to_bits

GROUP = 16
NAN_SCALE = 0x7F
LARGEST_SCALE = 448
LARGEST_BYTE = 0x7E
SMALLEST_NORMAL = Fraction(1, 1 << 126)
# Which scales a group can have: the smallest that cuts nothing, or the nearest.
RULES = ("truncation-free", "even")


def single(x):
    """The number in single precision nearest to x >= 0, ties to even."""
    if x == 0:
        return Fraction(0)
    step = Fraction(2) ** (max(floor_log2(x), -126) - 23)
    # Python rounds halves of fractions to even.
    return round(Fraction(x) / step) * step


def next_single(x):
    """The next number in single precision above a normal one."""
    return x + Fraction(2) ** (floor_log2(x) - 23)


def scale_value(byte):
    """What a byte 0...0x7e of E4M3 stands for."""
    exponent, mantissa = byte >> 3, byte & 7
    return Fraction(mantissa, 512) if exponent == 0 else (8 + mantissa) * Fraction(2) ** (exponent - 10)


SCALES = [scale_value(byte) for byte in range(LARGEST_BYTE + 1)]


def nearest_scale(x):
    """E4M3's byte nearest to x >= 0, ties to the even one; the largest for what is above it."""
    above = next((byte for byte, value in enumerate(SCALES) if value >= x), None)
    if above is None:
        return LARGEST_BYTE
    if SCALES[above] == x or above == 0:
        return above
    middle = (SCALES[above - 1] + SCALES[above]) / 2
    if x == middle:
        return above if above % 2 == 0 else above - 1
    return above if x > middle else above - 1


def scale_not_below(x):
    """The smallest byte that is not below x >= 0; the largest for what is above it."""
    return next((byte for byte, value in enumerate(SCALES) if value >= x), LARGEST_BYTE)


def outer_scale(largest, rule):
    """What multiplies all scales of a matrix whose largest finite magnitude is given."""
    if largest == 0:
        return Fraction(1)
    outer = single(largest / (LARGEST_SCALE * 6))
    cuts = outer == 0 or single(largest / single(LARGEST_SCALE * outer)) > 6
    if outer >= SMALLEST_NORMAL and cuts and rule == "truncation-free":
        outer = next_single(outer)
    return max(outer, SMALLEST_NORMAL)


def scale_byte(maximum, outer, rule):
    """The scale byte of a group whose largest magnitude is given; None for a group without one."""
    if maximum is None:
        return NAN_SCALE
    wanted = single(single(maximum / outer) / 6)
    if rule == "even":
        return nearest_scale(wanted)
    byte = scale_not_below(wanted)
    # The divisions have rounded what is wanted, and a multiplication rounds the scale.
    whole = single(SCALES[byte] * outer)
    cuts = maximum > 0 if whole == 0 else single(maximum / whole) > 6
    return min(byte + cuts, LARGEST_BYTE)


def code(bits, scale, ties="even"):
    """The code of a finite number under a scale S, to the nearest; ties "even" or "lower"."""
    doubled = 0 if scale == 0 else 2 * single(magnitude(bits) / scale)
    above = next((code for code, value in enumerate(DOUBLED) if value > doubled), 8)
    lower = above - 1
    if above < 8:
        middle = Fraction(DOUBLED[lower] + DOUBLED[above], 2)
        up = doubled > middle or doubled == middle and above % 2 == 0 and ties == "even"
        lower = above if up else lower
    return lower | (bits >> 31) << 3


def encode_bits(bits, rule):
    """The bits of the outer scale of a row; scale bytes, one a group, of which the last may be short; and codes."""
    magnitudes = [magnitude(x) for x in bits]
    outer = outer_scale(max((x for x in magnitudes if x is not None), default=0), rule)
    scales, codes = [], []
    for start in range(0, len(bits), GROUP):
        group = magnitudes[start : start + GROUP]
        byte = scale_byte(None if None in group else max(group), outer, rule)
        scales.append(byte)
        if byte == NAN_SCALE:
            codes += [0] * len(group)
        else:
            codes += [code(x, single(SCALES[byte] * outer)) for x in bits[start : start + GROUP]]
    return to_bits(outer), scales, codes


def blocks(codes):
    """Two codes a byte, the even element in the low nibble; short groups are filled up with 0."""
    codes = list(codes) + [0] * (-len(codes) % GROUP)
    return bytes(low | high << 4 for low, high in zip(codes[::2], codes[1::2]))


def decode_bits(outer, scales, codes):
    """The bits of all values: a code times its scale times the outer scale, the scales first."""
    values = []
    for place, element in enumerate(codes):
        byte = scales[place // GROUP]
        if byte == NAN_SCALE:
            values.append(0x7FC00000)
        else:
            whole = single(SCALES[byte] * magnitude(outer))
            exact = Fraction(DOUBLED[element & 7], 2) * whole
            values.append(to_bits(single(exact), negative=element > 7))
    return values


def encode_nvfp4(values, rule):
    """What `run.py --module` asks for: a row of single precision becomes (outer scale, scale bytes, codes)."""
    data = values.tobytes()
    outer, scales, codes = encode_bits(struct.unpack(f"<{len(data) // 4}I", data), rule)
    return struct.unpack("<f", struct.pack("<I", outer))[0], scales, codes


def decode_nvfp4(outer, scales, codes):
    """And back: an outer scale, scale bytes, one for 16 codes, and codes 0...15 become numbers."""
    (bits,) = struct.unpack("<I", struct.pack("<f", outer))
    found = decode_bits(bits, [int(scale) for scale in scales], [int(code) for code in codes])
    return [struct.unpack("<f", struct.pack("<I", x))[0] for x in found]
