"""MXFP4 by its definition: E2M1 elements in groups of 32 under an E8M0 scale.

Everything is computed in integers and fractions: no float is rounded, and no logarithm taken.
Numbers in single precision go in and out as their 32 bits.

The module is also an example of what `run.py --module` takes: `encode` and `decode` below.

Sources: OCP Microscaling Formats specification v1.0, sections 5.3.3 (E2M1), 5.4.1 (E8M0) and 6.3
(conversion); the scale rules are those of Numerics.md, section 2.
"""

import struct
from fractions import Fraction

GROUP = 32
NAN_SCALE = 255
# Twice the magnitudes of codes 0...7: 0, .5, 1, 1.5, 2, 3, 4, 6.
DOUBLED = (0, 1, 2, 3, 4, 6, 8, 12)
# The exponent of the largest magnitude.
EMAX = 2

# With M = f * 2^e the largest magnitude of a group and 1 <= f < 2, s = e - 2, and one more where f
# is above the threshold; or on it, where that is said.
RULES = {
    "truncation-free": (Fraction(3, 2), False),
    "even": (Fraction(7, 4), True),
    "uos": (Fraction(29, 16), False),
    "floor": (Fraction(2), False),
    "ceil": (Fraction(1), False),
}


def magnitude(bits):
    """|x| of a number in single precision, exact; None for NaN and infinities."""
    exponent, fraction = bits >> 23 & 0xFF, bits & 0x7FFFFF
    if exponent == 0xFF:
        return None
    if exponent == 0:
        return Fraction(fraction, 1 << 149)
    return (fraction | 1 << 23) * Fraction(2) ** (exponent - 150)


def to_bits(value, negative=False):
    """The bits of a number of at most 24 significant binary digits; infinity beyond the range."""
    sign = 0x80000000 if negative or value < 0 else 0
    value = abs(Fraction(value))
    if value == 0:
        return sign
    exponent = max(floor_log2(value), -126)
    if exponent > 127:
        return sign | 0x7F800000
    steps = value / Fraction(2) ** (exponent - 23)
    if steps.denominator != 1:
        raise ValueError(f"{value} is no number in single precision")
    # The leading one of a normal number is counted into the exponent.
    return sign | (exponent + 126 << 23) + int(steps)


def floor_log2(value):
    """The largest e with 2^e <= value, by comparison."""
    e = value.numerator.bit_length() - value.denominator.bit_length()
    return e if Fraction(2) ** e <= value else e - 1


def scale_byte(maximum, rule):
    """The scale byte of a group whose largest magnitude is given; None for a group without one."""
    if maximum is None:
        return NAN_SCALE
    if maximum == 0:
        return 0
    threshold, inclusive = RULES[rule]
    e = floor_log2(maximum)
    f = maximum / Fraction(2) ** e
    s = e - EMAX + (f > threshold or (inclusive and f == threshold))
    return min(max(s, -127), 127) + 127


def neighbours(bits, scale):
    """The two codes around |x|/S, and how far between them it lies, 0 <= share < 1; beyond 6, twice
    the largest. The codes are those of the magnitudes, without the sign."""
    y = 2 * magnitude(bits) / Fraction(2) ** (scale - 127)
    above = next((code for code, value in enumerate(DOUBLED) if value > y), None)
    if above is None:
        return 7, 7, Fraction(0)
    lower, upper = DOUBLED[above - 1], DOUBLED[above]
    return above - 1, above, (y - lower) / (upper - lower)


def code(bits, scale, ties="even"):
    """The code of a finite number under a scale, to the nearest; ties "even", "away" or "lower"."""
    lower, upper, share = neighbours(bits, scale)
    up = share > Fraction(1, 2)
    if share == Fraction(1, 2):
        up = {"even": upper % 2 == 0, "away": True, "lower": False}[ties]
    return (upper if up else lower) | (bits >> 31) << 3


def value(code, scale):
    """The bits of a code times a scale. Code 8 is -0; byte 255 makes everything NaN."""
    if scale == NAN_SCALE:
        return 0x7FC00000
    exact = DOUBLED[code & 7] * Fraction(2) ** (scale - 128)
    return to_bits(exact, negative=code > 7)


def encode_bits(bits, rule):
    """Scale bytes, one a group, and codes, one an element; the last group may be short."""
    scales, codes = [], []
    for start in range(0, len(bits), GROUP):
        group = bits[start : start + GROUP]
        magnitudes = [magnitude(x) for x in group]
        scale = scale_byte(None if None in magnitudes else max(magnitudes), rule)
        scales.append(scale)
        codes += [0 if scale == NAN_SCALE else code(x, scale) for x in group]
    return scales, codes


def decode_bits(scales, codes):
    """The bits of all values."""
    return [value(code, scales[place // GROUP]) for place, code in enumerate(codes)]


def blocks(codes):
    """Two codes a byte, the even element in the low nibble; short groups are filled up with 0."""
    codes = list(codes) + [0] * (-len(codes) % GROUP)
    return bytes(low | high << 4 for low, high in zip(codes[::2], codes[1::2]))


def gguf_blocks(scales, codes):
    """ggml's type 39: 17 bytes a group, the scale and byte j with elements j and j + 16."""
    result = b""
    for group, scale in enumerate(scales):
        own = codes[group * GROUP : group * GROUP + GROUP]
        result += bytes([scale] + [own[j] | own[j + 16] << 4 for j in range(16)])
    return result


def mlx_words(codes):
    """MLX's words of 32 bits: element 8w + k in bits 4k ... 4k + 3 of word w."""
    return [
        sum(code << 4 * k for k, code in enumerate(codes[start : start + 8]))
        for start in range(0, len(codes), 8)
    ]


def encode(values, rule):
    """What `run.py --module` asks for: a row of single precision becomes (scale bytes, codes)."""
    data = values.tobytes()
    return encode_bits(struct.unpack(f"<{len(data) // 4}I", data), rule)


def decode(scales, codes):
    """And back: scale bytes, one for 32 codes, and codes 0...15 become numbers."""
    bits = decode_bits([int(scale) for scale in scales], [int(code) for code in codes])
    return [struct.unpack("<f", struct.pack("<I", x))[0] for x in bits]
