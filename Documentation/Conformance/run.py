#!/usr/bin/env python3
"""Runs the vectors of this folder against what is installed, and says who
differs where.

    run.py                                     all libraries that are installed
    run.py torchao gguf                        some of them
    run.py --tetrajet .build/release/tetrajet  the command of this package
    run.py --module mine.py                    your own implementation

A module has `encode(values, rule)`: a row in single precision (a numpy array)
and the name of a scale rule become (scale bytes, one for 32 elements; codes
0...15, one an element). And `decode(scale bytes, codes)`, the values. For
NVFP4 it has `encode_nvfp4(values, rule)`, which gives the outer scale first,
and `decode_nvfp4(outer scale, scale bytes, codes)`. One of the four is enough.
It may say which RULES it has (all five, unless it does) and
what it does between two codes, TIES = "even", "away" or "lower". mxfp4.py and
nvfp4.py are such modules.

A difference is either from what the library itself claims (its rule is the
vectors' rule, and the result is another): 'differs'. Or it lies where no
specification decides, or the library does it by a rule of its own: 'choice'.
The exit status is 1 where something differs, 2 for wrong usage.

Needs numpy. What is not installed is skipped, and said.
"""

import argparse
import collections
import json
import logging
import os
import sys
import warnings

import mxfp4
import nvfp4

try:
    import libraries
    import numpy as np
except ImportError as error:
    sys.exit(f"run.py needs numpy ({error}): pip install numpy")

FOLDER = os.path.dirname(os.path.abspath(__file__))
AGREES, DIFFERS, CHOICE = "agrees", "differs", "choice"
WIDTH = 80

Outcome = collections.namedtuple("Outcome", "check case expected got kind reason")


def load(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return json.load(file)


def floats(texts):
    return np.array([int(text, 16) for text in texts], np.uint32).view(np.float32)


def bytes_(numbers):
    return np.array(numbers, np.uint8)


def shown(number):
    return f"{float(number):.9g}"


class Checks:
    """One library under all vectors."""

    def __init__(self, library):
        self.library = library
        self.outcomes = []

    def add(self, check, case, expected, got, kind, reason=""):
        self.outcomes.append(Outcome(check, case, str(expected), str(got), kind, reason))

    def attempt(self, check, function, *arguments):
        """The result; None where the library raises, which is a difference."""
        try:
            return function(*arguments)
        except Exception as error:
            text = " ".join(str(error).split())
            self.add(check, "all", "a result", f"{type(error).__name__}: {text}", DIFFERS)
            return None

    def run(self):
        self.element_decode()
        self.element_encode()
        self.scale_decode()
        self.scale_cast()
        self.maxima()
        self.groups()
        self.values()
        self.layouts()
        self.numbers()
        self.nvfp4_rows()
        return self.outcomes

    def compare_values(self, check, cases, expected, got):
        """Values one by one; `cases` are their names."""
        for case, same, a, b in zip(cases, libraries.same_bits(expected, got), expected, got):
            if same:
                self.add(check, case, a, b, AGREES)
            elif a == 0 and b == 0:
                self.add(check, case, shown(a), shown(b), CHOICE, "zero loses its sign")
            elif np.isinf(a):
                self.add(check, case, shown(a), shown(b), CHOICE, "beyond single precision")
            else:
                self.add(check, case, shown(a), shown(b), DIFFERS)

    def element_decode(self):
        if not self.library.element_values:
            return
        entries = load("elements.json")["decode"]
        codes = bytes_([x["code"] for x in entries])
        got = self.attempt("element decode", self.library.element_values, codes)
        if got is not None:
            expected = floats([x["bits"] for x in entries])
            self.compare_values("element decode", [f"code {c}" for c in codes], expected, got)

    def element_encode(self):
        if not self.library.element_codes:
            return
        entries = load("elements.json")["encode"]
        values = floats([x["bits"] for x in entries])
        got = self.attempt("element encode", self.library.element_codes, values)
        if got is None:
            return
        for entry, code in zip(entries, got):
            case = entry["decimal"]
            if entry["code"] is None:
                self.add("element encode", case, "open", code, CHOICE, "not finite")
            else:
                self.code("element encode", case, int(entry["bits"], 16), 127, int(code))

    def judged(self, bits, scale, code):
        """Whether a code is what the definition says under a scale; if not, why it may be so."""
        expected = mxfp4.code(bits, scale)
        if code == expected:
            return expected, AGREES, ""
        if code == mxfp4.code(bits, scale, self.library.ties):
            return expected, CHOICE, f"ties go {self.library.ties}"
        if code & 7 == 0 and expected & 7 == 0:
            return expected, CHOICE, "zero loses its sign"
        own = mxfp4.code(bits, scale, self.library.ties)
        if code & 7 == 0 and own & 7 == 0:
            return expected, CHOICE, f"ties go {self.library.ties}, zero loses its sign"
        return expected, DIFFERS, ""

    def code(self, check, case, bits, scale, code):
        expected, kind, reason = self.judged(bits, scale, code)
        self.add(check, case, f"code {expected}", f"code {code}", kind, reason)

    def scale_decode(self):
        if not self.library.scale_values:
            return
        entries = load("scales.json")["decode"]
        scales = bytes_([x["byte"] for x in entries])
        got = self.attempt("scale decode", self.library.scale_values, scales)
        if got is not None:
            expected = floats([x["bits"] for x in entries])
            self.compare_values("scale decode", [f"byte {s}" for s in scales], expected, got)

    def scale_cast(self):
        entries = load("scales.json")["cast"]
        values = floats([x["bits"] for x in entries])
        for cast in self.library.casts:
            check = f"scale cast, {cast}"
            got = self.attempt(check, self.library.scale_bytes, values, cast)
            if got is None:
                continue
            for entry, byte in zip(entries, got):
                allowed, case = entry[cast], entry["decimal"]
                if allowed is None:
                    self.add(check, case, "open", byte, CHOICE, entry["open"])
                    continue
                allowed = allowed if isinstance(allowed, list) else [allowed]
                kind = AGREES if byte in allowed else DIFFERS
                expected = " or ".join(f"byte {x}" for x in allowed)
                self.add(check, case, expected, f"byte {byte}", kind)

    def rules(self):
        return self.library.rules.items() if self.library.encode else ()

    def check_name(self, rule, own):
        return rule if own == rule else f"{rule} ({own})"

    def maxima(self):
        """Groups of a maximum and zeros."""
        entries = load("scales.json")["maxima"]
        rows = np.zeros((len(entries), 32), np.float32)
        rows[:, 7] = floats([x["bits"] for x in entries])
        for rule, own in self.rules():
            check = self.check_name(rule, own)
            result = self.attempt(check, self.library.encode, rows, rule)
            if result is None:
                continue
            for entry, row, scales, codes in zip(entries, rows, *result):
                case = f"maximum {entry['decimal']}"
                self.group(check, case, row, entry[rule], int(scales[0]), codes, "nothing")

    def groups(self):
        cases = load("groups.json")["cases"]
        for rule, own in self.rules():
            check = self.check_name(rule, own)
            lengths = sorted({len(x["bits"]) for x in cases})
            for length in lengths:
                if length % 32 and not self.library.takes_short_groups:
                    continue
                own_cases = [x for x in cases if len(x["bits"]) == length]
                rows = np.stack([floats(x["bits"]) for x in own_cases])
                result = self.attempt(check, self.library.encode, rows, rule)
                if result is None:
                    continue
                for case, row, scales, codes in zip(own_cases, rows, *result):
                    self.row(check, rule, case, row, scales, codes)
        if self.library.decode:
            self.decoded(cases)

    def row(self, check, rule, case, row, scales, codes):
        expected = next(x for x in case["expected"] if rule in x["rules"])
        count = len(expected["scales"])
        for group in range(count):
            part = slice(group * 32, group * 32 + 32)
            name = case["name"] + (f", group {group}" if count > 1 else "")
            openness = case["open"][group] if "open" in case else "nothing"
            wanted, found = expected["scales"][group], int(scales[group])
            self.group(check, name, row[part], wanted, found, codes[part], openness)

    def group(self, check, name, values, wanted, scale, codes, openness):
        """A group's scale, and its codes under the scale that it was given."""
        if openness == "everything":
            if scale == wanted:
                self.add(check, name, f"scale {wanted}", f"scale {scale}", AGREES)
                return
            self.add(check, name, "open", f"scale {scale}", CHOICE, "not finite")
            return
        bits = [int(x) for x in values.view(np.uint32)]
        if scale != wanted and openness == "nothing":
            # Where all vanish, any scale says the same.
            vanish = not any(mxfp4.code(x, wanted) & 7 for x in bits) and not (codes & 7).any()
            if scale == mxfp4.NAN_SCALE or not vanish:
                self.add(check, name, f"scale {wanted}", f"scale {scale}", DIFFERS)
                return
        worst, text = AGREES, ("", "", "")
        if scale != wanted:
            worst = CHOICE
            text = (f"scale {wanted}", f"scale {scale}", "all codes are zeros, under any scale")
        if scale != mxfp4.NAN_SCALE:
            for place, (x, code) in enumerate(zip(bits, codes)):
                expected, kind, reason = self.judged(x, scale, int(code))
                if kind != AGREES and worst != DIFFERS:
                    if worst == AGREES or kind == DIFFERS:
                        under = f"element {place}: code "
                        text = (f"{under}{expected}", f"code {code}", reason)
                    worst = kind
        self.add(check, name, *text[:2], worst, text[2])

    def decoded(self, cases):
        """Every distinct result of the groups, decoded: one outcome a row."""
        for case in cases:
            if len(case["bits"]) % 32 and not self.library.takes_short_groups:
                continue
            for expected in case["expected"]:
                scales, codes = bytes_(expected["scales"])[None], bytes_(expected["codes"])[None]
                got = self.attempt("decode", self.library.decode, scales, codes)
                if got is not None:
                    name = f"{case['name']} ({expected['rules'][0]})"
                    self.whole("decode", name, floats(expected["decoded"]), got[0])

    def whole(self, check, name, expected, got):
        """A row of values: one outcome, by the worst of them."""
        part = Checks(self.library)
        names = [f"element {place}: " for place in range(len(expected))]
        part.compare_values(check, names, expected, got)
        worst = max(part.outcomes, key=lambda x: (AGREES, CHOICE, DIFFERS).index(x.kind))
        self.add(check, name, worst.case + worst.expected, worst.got, worst.kind, worst.reason)

    def values(self):
        """All codes under single scales, twice, since many decode whole groups only."""
        if not self.library.decode:
            return
        for entry in load("scales.json")["values"]:
            scales, codes = bytes_([[entry["byte"]]]), bytes_([list(range(16)) * 2])
            got = self.attempt("decode", self.library.decode, scales, codes)
            if got is not None:
                self.whole("decode", f"byte {entry['byte']}", floats(entry["bits"] * 2), got[0])

    def layouts(self):
        for case in load("packing.json")["cases"]:
            scales, codes = bytes_(case["scales"]), bytes_(case["codes"])
            words = np.array([int(x, 16) for x in case["mlx"]], "<u4")
            layouts = {name: bytes.fromhex(case[name]) for name in ("blocks", "gguf")}
            layouts["mlx"] = words.tobytes()
            for name, write in self.library.writes.items():
                got = self.attempt(f"write {name}", write, scales, codes)
                if got is not None:
                    kind = AGREES if got == layouts[name] else DIFFERS
                    self.add(f"write {name}", case["name"], layouts[name].hex(), got.hex(), kind)
            for name, read in self.library.reads.items():
                got = self.attempt(f"read {name}", read, scales, layouts[name])
                if got is not None:
                    self.whole(f"read {name}", case["name"], floats(case["decoded"]), got)


    def numbers(self):
        """E4M3, which NVFP4 has its scales in."""
        vectors = load("nvfp4.json")
        if self.library.e4m3_values:
            entries = vectors["decode"]
            got = self.attempt(
                "E4M3 decode", self.library.e4m3_values, bytes_([x["byte"] for x in entries])
            )
            if got is not None:
                names = [f"byte {x['byte']}" for x in entries]
                self.compare_values("E4M3 decode", names, floats([x["bits"] for x in entries]), got)
        if self.library.e4m3_bytes:
            entries = vectors["cast"]
            got = self.attempt(
                "E4M3 cast", self.library.e4m3_bytes, floats([x["bits"] for x in entries])
            )
            for entry, byte in zip(entries, () if got is None else got):
                wanted, kind, reason = entry["nearest"], AGREES, ""
                if byte != wanted:
                    beyond = wanted == nvfp4.LARGEST_BYTE and byte == nvfp4.NAN_SCALE
                    kind, reason = (CHOICE, "NaN beyond the largest") if beyond else (DIFFERS, "")
                self.add("E4M3 cast", entry["decimal"], f"byte {wanted}", f"byte {byte}", kind, reason)

    def nvfp4_rows(self):
        library, cases = self.library, load("nvfp4.json")["cases"]
        for case in cases:
            values = floats(case["bits"])
            if len(values) % nvfp4.GROUP and not library.takes_short_groups:
                continue
            for expected in case["expected"]:
                (rule,) = expected["rules"]
                if rule in library.nvfp4_rules and library.encode_nvfp4:
                    check = f"NVFP4, {self.check_name(rule, library.nvfp4_rules[rule])}"
                    result = self.attempt(check, library.encode_nvfp4, values, rule)
                    if result is not None:
                        self.nvfp4_row(check, case, values, expected, *result)
                if library.decode_nvfp4:
                    outer = float(floats([expected["outer"]["bits"]])[0])
                    scales, codes = bytes_(expected["scales"]), bytes_(expected["codes"])
                    got = self.attempt("NVFP4 decode", library.decode_nvfp4, outer, scales, codes)
                    if got is not None:
                        name = f"{case['name']} ({rule})"
                        wanted = floats(expected["decoded"])
                        self.whole("NVFP4 decode", name, wanted, np.asarray(got, np.float32))

    def nvfp4_row(self, check, case, values, expected, outer, scales, codes):
        """The outer scale; each group's scale, and its codes under the scales that they were given."""
        name, bits = case["name"], [int(x, 16) for x in case["bits"]]
        sizes = [mxfp4.magnitude(x) for x in bits]
        finite, outer = None not in sizes, mxfp4.magnitude(int(np.float32(outer).view(np.uint32)))
        wanted = mxfp4.magnitude(int(expected["outer"]["bits"], 16))
        kind, reason = AGREES, ""
        if outer != wanted:
            near = outer is not None and abs(outer - wanted) * 2**22 <= wanted
            kind, reason = (CHOICE, "a place of single precision apart") if near else (DIFFERS, "")
            if not any(sizes) or not finite:
                kind, reason = CHOICE, "not finite" if not finite else "of zeros any will do"
        found = shown(np.nan if outer is None else outer)
        self.add(check, f"{name}, outer scale", shown(wanted), found, kind, reason)
        for group, byte in enumerate(int(x) for x in scales[: len(expected["scales"])]):
            part = slice(group * nvfp4.GROUP, (group + 1) * nvfp4.GROUP)
            scale = expected["scales"][group]
            if finite or outer == wanted:
                verdict = self.nvfp4_group(bits[part], sizes[part], outer, byte, scale, codes[part])
            else:
                verdict = f"scale {scale}", f"scale {byte}", CHOICE, "not finite"
            self.add(check, f"{name}, group {group}", *verdict)

    def nvfp4_group(self, bits, sizes, outer, byte, wanted, codes):
        """What was expected and found of a group, and how bad that is."""
        texts = f"scale {wanted}", f"scale {byte}"
        if None in sizes:
            return *texts, *((AGREES, "") if byte == wanted else (CHOICE, "not finite"))
        if outer is None or byte >= nvfp4.NAN_SCALE:
            return *texts, DIFFERS, ""
        kind, reason = AGREES, ""
        if byte != wanted:
            whole = nvfp4.single(nvfp4.SCALES[wanted] * outer)
            vanishes = not any(nvfp4.code(x, whole) & 7 for x in bits)
            if vanishes and not any(int(code) & 7 for code in codes):
                kind, reason = CHOICE, "all codes are zeros, under any scale"
            elif abs(byte - wanted) == 1:
                kind, reason = CHOICE, "the next scale, by another order of roundings"
            else:
                return *texts, DIFFERS, ""
        scale = nvfp4.single(nvfp4.SCALES[byte] * outer)
        for place, (x, code) in enumerate(zip(bits, codes)):
            expected = nvfp4.code(x, scale)
            if int(code) == expected:
                continue
            texts = f"element {place}: code {expected}", f"code {code}"
            ties = self.library.ties
            if int(code) & 7 == 0 and expected & 7 == 0:
                kind, reason = CHOICE, "zero loses its sign"
            elif ties == "lower" and int(code) & 7 == nvfp4.code(x, scale, ties) & 7:
                kind, reason = CHOICE, f"ties go {ties}"
            elif self.library.nvfp4_rounds_otherwise and abs((int(code) & 7) - (expected & 7)) == 1:
                kind, reason = CHOICE, self.library.nvfp4_rounds_otherwise
            else:
                return *texts, DIFFERS, ""
        return *texts, kind, reason


def fitted(text):
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


def report(results, limit):
    """The table, and below it a line for each difference."""
    print(f"{'library':<22} {'version':<16} {'cases':>6} {'agree':>6} {'differ':>7} {'choice':>7}")
    for library, outcomes in results:
        kinds = collections.Counter(x.kind for x in outcomes)
        print(
            f"{library.name[:22]:<22} {library.version[:16]:<16} {len(outcomes):>6} "
            f"{kinds[AGREES]:>6} {kinds[DIFFERS]:>7} {kinds[CHOICE]:>7}"
        )
    for library, outcomes in results:
        for kind, title in (
            (DIFFERS, "differs from what it claims"),
            (CHOICE, "chooses, where nothing decides or by a rule of its own"),
        ):
            found = [x for x in outcomes if x.kind == kind]
            if found:
                print(f"\n{library.name} {title}:")
                lines(found, limit)


def lines(outcomes, limit):
    alike = collections.defaultdict(list)
    for outcome in outcomes:
        alike[outcome.check, outcome.reason].append(outcome)
    for (check, reason), found in alike.items():
        print(fitted(f"  {check}" + (f": {reason}" if reason else "") + f" ({len(found)})"))
        for outcome in found[:limit]:
            print(fitted(f"    {outcome.case}: expected {outcome.expected}, got {outcome.got}"))
        if len(found) > limit:
            print(f"    and {len(found) - limit} more (--all shows them)")


def chosen(arguments, refuse):
    """The libraries that can be asked; a line for each that cannot."""
    known = {x.name.split()[0]: x for x in libraries.ALL}
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        refuse(f"no library {unknown[0]!r}: there are {', '.join(known)}")
    own = arguments.module or arguments.tetrajet
    found = []
    for name, make in known.items():
        if name not in arguments.names and (arguments.names or own):
            continue
        try:
            found.append(make())
        except libraries.NotInstalled:
            print(f"skipped {name}: not installed")
        except Exception as error:
            print(fitted(f"skipped {name}: {type(error).__name__}: {error}"))
    if arguments.tetrajet:
        if not os.access(arguments.tetrajet, os.X_OK):
            refuse(f"{arguments.tetrajet} is no command: make build, .build/release/tetrajet")
        found.append(libraries.TetraJet(arguments.tetrajet))
    for path in arguments.module:
        if not os.path.isfile(path):
            refuse(f"there is no module {path}")
        try:
            found.append(libraries.Module(path))
        except Exception as error:
            refuse(f"{path}: {type(error).__name__}: {error}")
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="LIBRARY", help="those to run; all by default")
    parser.add_argument(
        "--module", action="append", default=[], metavar="FILE.py", help="your implementation"
    )
    parser.add_argument("--tetrajet", metavar="COMMAND", help="the built command")
    parser.add_argument("--all", action="store_true", help="every difference, and not five alike")
    parser.add_argument("--json", metavar="OUT", help="write all outcomes as JSON, too")
    arguments = parser.parse_args()
    # Libraries remark on overflows and on each other's interfaces: their results say more.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    results = [(library, Checks(library).run()) for library in chosen(arguments, parser.error)]
    if not results:
        parser.error("nothing to run: no library is installed, and no --module given")
    report(results, 10**9 if arguments.all else 5)
    if arguments.json:
        content = [
            {
                "library": library.name,
                "version": library.version,
                "outcomes": [x._asdict() for x in outcomes if x.kind != AGREES],
                "agree": sum(x.kind == AGREES for x in outcomes),
            }
            for library, outcomes in results
        ]
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
    differs = any(x.kind == DIFFERS for _, outcomes in results for x in outcomes)
    sys.exit(1 if differs else 0)


if __name__ == "__main__":
    main()
