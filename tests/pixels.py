"""Makes pictures of every format and mode in pictures/<class>/, and what Pillow reads of them in expected.bin: the pixels of
each, channel by channel, in the order of the names. `python3 pixels.py grey` or `... colour`."""

import pathlib
import random
import sys

import numpy
from PIL import Image, ImageOps

SIDE = 32
GREY = sys.argv[1] == "grey"
MODE = "L" if GREY else "RGB"

draws = random.Random(5)
y, x = numpy.mgrid[:SIDE, :SIDE]
waves = [numpy.sin(x * draws.uniform(0.1, 0.4) + y * draws.uniform(0.1, 0.4) + phase) for phase in range(4)]
planes = numpy.stack([(wave * 120 + 128) for wave in waves], axis=-1).astype(numpy.uint8)
colour = Image.fromarray(planes[..., :3], "RGB")
grey = Image.fromarray(planes[..., 0], "L")
clear = Image.fromarray(planes[..., 3], "L")
turned = Image.Exif()
turned[0x0112] = 6


def with_alpha(picture):
    picture = picture.copy()
    picture.putalpha(clear)
    return picture


if GREY:
    # name: picture, how it is saved
    MADE = {
        "bits.png": (grey.convert("1"), {}),
        "grey.png": (grey, {}),
        "alpha.png": (with_alpha(grey), {}),
        "interlaced.png": (grey, {"interlace": 1}),
        "grey.jpg": (grey, {"quality": 92}),
        "progressive.jpg": (grey, {"quality": 60, "progressive": True}),
        "turned.jpg": (grey, {"exif": turned}),
        "grey.tif": (grey, {}),
        "packed.tif": (grey, {"compression": "tiff_lzw"}),
        "deflated.tif": (grey, {"compression": "tiff_adobe_deflate"}),
        "bits.pbm": (grey.convert("1"), {}),
        "grey.pgm": (grey, {}),
    }
else:
    few = colour.quantize(32)
    holes = few.copy()
    holes.info["transparency"] = 3
    MADE = {
        "colour.png": (colour, {}),
        "alpha.png": (with_alpha(colour), {}),
        "palette.png": (few, {}),
        "holes.png": (holes, {"transparency": 3}),
        "turned.png": (colour, {"exif": turned}),
        "full.jpg": (colour, {"quality": 95, "subsampling": 0}),
        "halved.jpg": (colour, {"quality": 90, "subsampling": 2}),
        "wide.jpg": (colour, {"quality": 85, "subsampling": 1}),
        "progressive.jpg": (colour, {"quality": 80, "progressive": True}),
        "turned.jpg": (colour, {"exif": turned, "subsampling": 0}),
        "inks.jpg": (colour.convert("CMYK"), {"quality": 95}),
        "colour.bmp": (colour, {}),
        # It has a palette, whatever is in it.
        "grey.bmp": (grey, {}),
        "palette.bmp": (few, {}),
        "palette.gif": (few, {}),
        "holes.gif": (holes, {"transparency": 3}),
        "colour.tif": (colour, {}),
        "packed.tif": (colour, {"compression": "tiff_lzw"}),
        "alpha.tif": (with_alpha(colour), {}),
        "colour.ppm": (colour, {}),
        "lossless.webp": (colour, {"lossless": True}),
        "alpha.webp": (with_alpha(colour), {"lossless": True, "exact": True}),
        "lossy.webp": (colour, {"quality": 90}),
    }

expected = []
for name in sorted(MADE):
    picture, how = MADE[name]
    # One format a class, so that its name says which differs.
    path = pathlib.Path("pictures", name, name)
    path.parent.mkdir(parents=True)
    picture.save(path, **how)
    path.with_stem("again").write_bytes(path.read_bytes())
    read = ImageOps.exif_transpose(Image.open(path))
    if read.has_transparency_data:
        read = Image.alpha_composite(Image.new("RGBA", read.size, "white"), read.convert("RGBA"))
    pixels = numpy.asarray(read.convert(MODE)).reshape(SIDE, SIDE, -1).transpose(2, 0, 1)
    expected.append(pixels.tobytes())
pathlib.Path("expected.bin").write_bytes(b"".join(expected))
