"""Makes the pictures of this folder, and beside each what Pillow decodes it to: NAME.levels, RGB, row by row, upright.

    python make.py FOLDER

needs Pillow 13, pillow-heif, cjpeg (libjpeg-turbo) and convert (ImageMagick).
"""

import io
import pathlib
import struct
import subprocess
import sys
import zlib

import numpy
import pillow_heif
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
folder = pathlib.Path(sys.argv[1])
WIDTH, HEIGHT = 20, 14


def picture(channels=3):
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [x * 12 + y, 255 - y * 17, (x * y * 3 + 40) % 256, 255 - (x * 31 + y * 5) % 256]
    values = numpy.stack(planes[:channels], -1).astype(numpy.uint8)
    return Image.fromarray(values if channels > 1 else values[..., 0])


def save(name, image, **options):
    image.save(folder / name, **options)


def convert(name, image, *options):
    source = io.BytesIO()
    image.save(source, "PNG")
    subprocess.run(["convert", "png:-", *options, folder / name], input=source.getvalue(), check=True)


# Samplings for which TurboJPEG has no name.
source = io.BytesIO()
picture().save(source, "PPM")
for name, sampling in [
    ("410", "4x2,1x1,1x1"), ("1x4", "1x4,1x1,1x1"), ("2x4", "2x4,1x1,1x1"), ("3x1", "3x1,1x1,1x1"),
    ("mixed", "4x1,2x1,2x1"), ("largest-apart", "2x1,1x2,1x1"),
]:
    subprocess.run(
        ["cjpeg", "-quality", "80", "-sample", sampling, "-outfile", folder / f"sampled-{name}.jpg"],
        input=source.getvalue(), check=True)
for subsampling in [0, 1, 2]:
    image = Image.frombytes("CMYK", (WIDTH, HEIGHT), picture(4).tobytes())
    save(f"cmyk-{subsampling}.jpg", image, quality=80, subsampling=subsampling)

save("opacity.png", picture(4))
save("grey-opacity.png", picture(4).convert("LA"))
save("palette-transparent.png", picture().quantize(9), transparency=3)
save("transparent-colour.png", picture(), transparency=(0, 255, 40))
save("palette-4-bits.png", picture().quantize(13), bits=4)

plain = io.BytesIO()
picture().save(plain, "PNG")
gamma = b"gAMA" + struct.pack(">I", 55556)
plain = plain.getvalue()
(folder / "gamma.png").write_bytes(
    plain[:33] + struct.pack(">I", 4) + gamma + struct.pack(">I", zlib.crc32(gamma)) + plain[33:])
convert("interlaced.png", picture(4), "-interlace", "PNG")
convert("sixteen-bits.png", picture(), "-depth", "16", "-evaluate", "Add", "0.2%", "-define", "png:color-type=2")

save("opacity.webp", picture(4), lossless=True, exact=True)
save("opacity-lossy.webp", picture(4), quality=70)
exif = Image.Exif()
exif[0x0112] = 6
save("turned.webp", picture(), lossless=True, exif=exif)
save("turned.png", picture(), exif=exif)
frames = [picture(4), picture(4).rotate(90), picture(4).rotate(180)]
save("animated.webp", frames[0], save_all=True, append_images=frames[1:], lossless=True, exact=True)

save("plain.gif", picture().quantize(40))
save("grey.gif", picture(1))
save("transparent.gif", picture().quantize(9), transparency=3)
save("interlaced.gif", picture().quantize(200), interlace=1)
save("animated.gif", picture().quantize(16), save_all=True, append_images=[picture().rotate(90).quantize(16)])

for mode in ["1", "L", "RGB", "RGBA"]:
    save(f"{mode}.bmp", picture(4).convert(mode))
save("P.bmp", picture().quantize(77))
convert("runs-8.bmp", picture().quantize(5), "-type", "Palette", "-compress", "RLE")
# Rows from the top, 16 bits of which masks say what is what.
values = numpy.asarray(picture()).astype(int)
pixels = (values[..., 0] >> 3) << 11 | (values[..., 1] >> 2) << 5 | values[..., 2] >> 3
rows = pixels.astype("<u2").tobytes()
header = struct.pack("<IiiHHIIiiII", 40, WIDTH, -HEIGHT, 1, 16, 3, len(rows), 0, 0, 0, 0)
masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
start = 14 + len(header + masks)
(folder / "masks.bmp").write_bytes(
    b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + masks + rows)

for mode in ["1", "L", "LA", "P", "RGB", "RGBA"]:
    save(f"{mode}.tif", picture(4).convert(mode), compression="tiff_lzw")
save("turned.tif", picture(), exif=exif)
convert("tiles.tif", picture(), "-define", "tiff:tile-geometry=16x16", "-compress", "Zip")
convert("most-significant-first.tif", picture(), "-endian", "MSB")

save("plain.heic", picture(), quality=95)
save("plain.avif", picture(), quality=95, subsampling="4:4:4")

for file in sorted(folder.iterdir()):
    if file.suffix not in [".py", ".levels"]:
        image = ImageOps.exif_transpose(Image.open(file))
        levels = image.convert("RGB").tobytes()
        file.with_name(file.name + ".levels").write_bytes(levels)
        print(file.name, file.stat().st_size, image.mode, *image.size)
