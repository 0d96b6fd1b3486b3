"""TetraJet's image pipeline against Pillow's, torchvision's and timm's, on photographs, through the command.

    swift build -c release
    python Benchmarks/augmentation_against_pillow.py --photos FOLDER

All JPEG files of a folder go through the pipeline of evaluation (torchvision's Resize and CenterCrop are the reference), some of
them through every operation of augmentation at several arguments (timm's functions are the reference, which call Pillow), and a
small image through every way of storing one: the eight EXIF orientations, grey, CMYK, palette, transparency, 16 bits, WebP. Last,
what a policy draws: how large a share of images each operation changes how much, timm's samples beside TetraJet's.
Differences are in levels of 0..255, means over all pixels and channels. A difference above its limit ends the script with
status 1, after everything was printed.
"""

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from timm.data import auto_augment
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from side_by_side import RunFailed, end_in_one_line, print_table

EVALUATION_LIMIT = 0.6
OPERATION_LIMIT = 1.0
FILL = (124, 116, 104)


class Command:
    """The built command; each call is a process."""

    def __init__(self, path, folder):
        self.path, self.folder = path, folder

    def __call__(self, image, *options):
        """The picture that `augment` writes of an image file, as an array."""
        out = self.folder / "out.png"
        command = [self.path, "augment", str(image), str(out), *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise RunFailed(f"cannot start {self.path}: {error.strerror}") from None
        if done.returncode != 0:
            complaint = done.stderr.strip().splitlines() or ["nothing on stderr"]
            raise RunFailed(f"'{' '.join(command)}' ended with status {done.returncode}: {complaint[-1]}")
        return np.asarray(Image.open(out).convert("RGB"), dtype=np.int16)


def array(image):
    return np.asarray(image.convert("RGB"), dtype=np.int16)


def difference(found, expected):
    """Mean absolute difference in levels, and the largest."""
    if found.shape != expected.shape:
        raise RunFailed(f"an image of {found.shape} came out, expected {expected.shape}")
    levels = np.abs(found - expected)
    return levels.mean(), levels.max()


def upright(path):
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def evaluation(command, photos):
    """One row a size and crop ratio: the pipeline of evaluation on all photographs. Nearly all are decoded at reduced size for
    thumbnails, for which there is no limit; few are for 224 pixels."""
    rows, means = [], []
    for size, ratio in ((224, 0.875), (224, 1), (64, 1)):
        resize = transforms.Resize(int(size / ratio), interpolation=InterpolationMode.BICUBIC)
        reference = transforms.Compose([resize, transforms.CenterCrop(size)])
        found = []
        for photo in photos:
            options = ["--evaluation", "--size", str(size), "--set", f"data.crop_ratio={ratio}"]
            found.append(difference(command(photo, *options), array(reference(upright(photo)))))
        mean, worst = statistics.mean(mean for mean, _ in found), max(mean for mean, _ in found)
        if size == 224:
            means.append(mean)
        rows.append([f"{size}, crop ratio {ratio}", f"{mean:.3f}", f"{worst:.3f}", str(max(top for _, top in found))])
    print(f"\nevaluation on {len(photos)} photographs, against torchvision:")
    print_table(["pipeline", "mean", "worst photo", "largest of a pixel"], rows)
    return [] if max(means) <= EVALUATION_LIMIT else [f"evaluation differs by {max(means):.3f} levels"]


def both(*values):
    return [sign * value for value in values for sign in (1, -1)]


def operations():
    """name -> (arguments, what the reference does with an image and an argument)."""
    geometry = {"fillcolor": FILL, "resample": Image.Resampling.BICUBIC}

    def timm(function, **options):
        return lambda image, *value: function(image, *value, **options)

    shares, factors = both(0.05, 0.2025, 0.45), (0, 0.1, 0.19, 0.55, 1, 1.45, 1.9)
    return {
        "AutoContrast": ([None], timm(auto_augment.auto_contrast)),
        "Equalize": ([None], timm(auto_augment.equalize)),
        "Invert": ([None], timm(auto_augment.invert)),
        "Grayscale": ([None], lambda image: image.convert("L").convert("RGB")),
        "Rotate": (both(0, 3, 13.5, 30, 90, 180), timm(auto_augment.rotate, **geometry)),
        "ShearX": (both(0.03, 0.135, 0.3), timm(auto_augment.shear_x, **geometry)),
        "ShearY": (both(0.03, 0.135, 0.3), timm(auto_augment.shear_y, **geometry)),
        "TranslateX": (shares, timm(auto_augment.translate_x_rel, **geometry)),
        "TranslateY": (shares, timm(auto_augment.translate_y_rel, **geometry)),
        "Posterize": (range(1, 9), timm(auto_augment.posterize)),
        "Solarize": ((0, 26, 128, 256), timm(auto_augment.solarize)),
        "SolarizeAdd": ((0, 11, 55, 110), timm(auto_augment.solarize_add)),
        "Color": (factors, timm(auto_augment.color)),
        "Contrast": (factors, timm(auto_augment.contrast)),
        "Brightness": (factors, timm(auto_augment.brightness)),
        "Sharpness": (factors, timm(auto_augment.sharpness)),
        "GaussianBlur": ((0.1, 0.5, 1, 1.37, 2, 5), lambda image, radius: image.filter(ImageFilter.GaussianBlur(radius))),
    }


def each_operation(command, photos, folder):
    """One row an operation, over its arguments and the photographs."""
    sources = []
    for index, photo in enumerate(photos):
        # Decoding is another question: both sides get the same pixels.
        sources.append((folder / f"{index}.png", upright(photo)))
        sources[-1][1].save(sources[-1][0])
    rows, failures = [], []
    for name, (arguments, reference) in operations().items():
        by_photo, tops = [], []
        for path, image in sources:
            found = []
            for value in arguments:
                option = name if value is None else f"{name}={value}"
                expected = array(reference(image) if value is None else reference(image, value))
                found.append(difference(command(path, "--operation", option), expected))
            by_photo.append(max(mean for mean, _ in found))
            tops.append(max(top for _, top in found))
        values = "-" if arguments == [None] else ", ".join(map(str, arguments))
        rows.append([name, values, f"{statistics.mean(by_photo):.5f}", f"{max(by_photo):.5f}", str(max(tops))])
        if max(by_photo) > OPERATION_LIMIT:
            failures.append(f"{name} differs by {max(by_photo):.3f} levels")
    print(f"\noperations on {len(photos)} photographs, against timm and Pillow {Image.__version__} (a photo's worst argument):")
    print_table(["operation", "arguments", "mean", "worst photo", "largest of a pixel"], rows)
    return failures


def stored_ways(photo):
    """name -> (file ending, bytes, the image that a reader should see)."""
    image = upright(photo)
    # Sides that blocks of eight do not fill.
    image = image.resize((251, 187))
    ways = {}

    def add(name, ending, stored, expected=None, **options):
        file = io.BytesIO()
        stored.save(file, {"jpg": "JPEG", "png": "PNG", "webp": "WebP"}[ending], **options)
        reread = Image.open(io.BytesIO(file.getvalue()))
        ways[name] = (ending, file.getvalue(), expected or ImageOps.exif_transpose(reread).convert("RGB"))

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        add(f"JPEG, EXIF orientation {orientation}", "jpg", image, quality=95, exif=exif)
    add("JPEG, grey", "jpg", image.convert("L"), quality=95)
    add("JPEG, CMYK", "jpg", image.convert("CMYK"), quality=95)
    add("JPEG, progressive, 4:2:0", "jpg", image, quality=80, progressive=True)
    add("PNG, RGB", "png", image)
    add("PNG, grey", "png", image.convert("L"))
    add("PNG, palette", "png", image.quantize(64))
    add("PNG, black and white", "png", image.convert("1"))
    opaque = image.copy()
    opaque.putalpha(255)
    add("PNG, opaque alpha", "png", opaque)
    wide = np.asarray(image.convert("L"), dtype=np.uint16) * 257
    add("PNG, 16-bit grey", "png", Image.fromarray(wide), image.convert("L").convert("RGB"))
    add("WebP, lossy", "webp", image, quality=90)
    add("WebP, lossless", "webp", image, lossless=True)
    return ways


def each_way_of_storing(command, photo, folder):
    """One row a way: the whole image, and a thumbnail, for which JPEGs are decoded at reduced size."""
    rows, failures = [], []
    for name, (ending, content, expected) in stored_ways(photo).items():
        path = folder / f"stored.{ending}"
        path.write_bytes(content)
        # An operation that changes nothing.
        whole = difference(command(path, "--operation", "Posterize=8"), array(expected))
        size = 32
        small = transforms.Compose([transforms.Resize(size, interpolation=InterpolationMode.BICUBIC), transforms.CenterCrop(size)])
        reduced = difference(command(path, "--evaluation", "--size", str(size)), array(small(expected)))
        rows.append([name, f"{whole[0]:.3f}", str(whole[1]), f"{reduced[0]:.3f}", str(reduced[1])])
        if whole[0] > OPERATION_LIMIT or reduced[0] > 2 * EVALUATION_LIMIT:
            failures.append(f"{name} differs by {whole[0]:.3f} levels, {reduced[0]:.3f} as a thumbnail")
    print("\nways of storing an image, whole and as a thumbnail of 32 pixels:")
    print_table(["stored as", "mean", "largest", "thumbnail: mean", "largest"], rows)
    return failures


def largest_gap(ours, theirs):
    """Kolmogorov and Smirnov's distance of two samples."""
    ours, theirs = np.sort(ours), np.sort(theirs)
    both = np.concatenate([ours, theirs])
    shares = [np.searchsorted(sample, both, "right") / len(sample) for sample in (ours, theirs)]
    return np.abs(shares[0] - shares[1]).max()


def drawn(command, photo, folder, policy, count):
    """A policy's samples of one photograph: how far they are from it, ours and timm's. One row."""
    size = 64
    image = upright(photo).resize((size, size), Image.Resampling.BICUBIC)
    path = folder / "small.png"
    image.save(path)
    ours = []
    original = array(image)
    columns = 32
    for seed in range(count // columns**2):
        keys = [f"augmentation.policy={policy}", "data.flip_probability=0", "data.crop_padding=0"]
        options = [option for key in keys for option in ("--set", key)]
        sheet = command(path, *options, "--size", str(size), "--count", str(columns**2), "--seed", str(seed))
        step = size + 2
        cells = [(y * step, x * step) for y in range(columns) for x in range(columns)]
        ours += [np.abs(sheet[y : y + size, x : x + size] - original).mean() for y, x in cells]
    # Pillow 13 refuses to keep 0 bits, which leaves black, and which timm draws now and then.
    posterize = ImageOps.posterize
    ImageOps.posterize = lambda image, bits: posterize(image, bits) if bits else Image.new("RGB", image.size)
    options = {"img_mean": FILL, "interpolation": Image.Resampling.BICUBIC, "translate_pct": 0.45}
    reference = auto_augment.rand_augment_transform(policy, options)
    theirs = [np.abs(array(reference(image)) - original).mean() for _ in ours]
    ImageOps.posterize = posterize
    gap = largest_gap(ours, theirs)
    # Two samples of one distribution are further apart once in a thousand times.
    limit = 1.95 * (2 / len(ours)) ** 0.5
    quartiles = [" ".join(f"{value:.1f}" for value in np.quantile(side, (0.1, 0.25, 0.5, 0.75, 0.9))) for side in (ours, theirs)]
    row = [policy, *quartiles, f"{gap:.4f}", f"{limit:.4f}"]
    return row, [] if gap <= limit else [f"samples of {policy} are distributed otherwise than timm's"]


def each_policy(command, photo, folder, count):
    """One row a policy: how far its samples are from the image, in levels."""
    rows, failures = [], []
    for policy in ("rand-m9-mstd0.5-inc1", "rand-m9-n1-mstd0.5-p1-inc1", "rand-m5-n1-mstd2-p1"):
        row, failure = drawn(command, photo, folder, policy, count)
        rows.append(row)
        failures += failure
    print(f"\n{count} samples of a policy, their mean differences from the image in levels (deciles 1 and 9, quartiles):")
    print_table(["policy", "TetraJet", "timm", "largest gap of the distributions", "its limit"], rows)
    return failures


def main():
    parser = argparse.ArgumentParser(description="TetraJet's image pipeline against Pillow, torchvision and timm")
    parser.add_argument("--photos", type=Path, required=True, help="a folder with JPEG files, also in folders of it")
    parser.add_argument("--tetrajet", default=".build/release/tetrajet", help="the built command")
    parser.add_argument("--operations-on", type=int, default=20, help="how many photographs go through every operation")
    parser.add_argument("--samples", type=int, default=4096, help="how many samples of a policy are drawn")
    parser.add_argument("--only", choices=["evaluation", "operations", "storing", "policy"], help="default: all four")
    args = parser.parse_args()
    photos = sorted(path for path in args.photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not photos:
        raise RunFailed(f"no JPEG files in {args.photos}")
    # Spread over the folder, in which classes lie together.
    some = photos[:: max(1, len(photos) // args.operations_on)][: args.operations_on]

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = Command(args.tetrajet, folder)
        failures = []
        if args.only in (None, "evaluation"):
            failures += evaluation(command, photos)
        if args.only in (None, "operations"):
            failures += each_operation(command, some, folder)
        if args.only in (None, "storing"):
            failures += each_way_of_storing(command, some[0], folder)
        if args.only in (None, "policy"):
            failures += each_policy(command, some[0], folder, args.samples)
    if failures:
        raise RunFailed("; ".join(failures))


if __name__ == "__main__":
    end_in_one_line(main, "augmentation_against_pillow")
