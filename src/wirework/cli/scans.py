"""What `wirework segment` reads and writes: images by Pillow, volumes by nibabel, and masks of the same kind."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from wirework.checkpoint.files import write_atomically
from wirework.cli.errors import UserError, need

VOLUMES = (".nii", ".nii.gz")
MODES = {1: "L", 3: "RGB"}  # of an image, by the channels that a model sees
MILLILITRES = {"unknown": 1e-3, "mm": 1e-3, "meter": 1e6, "micron": 1e-12}  # of a cube, by the unit of its side
BRIGHT = 99.8  # percent of a volume's voxels are not clipped to white in a picture
BACKGROUND = "000000"
COLOURS = ("ffffff", "d95f02", "1f6fb4", "1b7837", "c51b2b", "7b3294", "e6ab02")  # of the other classes, in turn


@dataclass(frozen=True)
class Panel:
    """A picture with its mask.

    Attributes:
        picture: `h w` or `h w c`, from 0 to 1, its first row on top.
        mask: `h w`.
        aspect: the height of a pixel over its width.
        sides: what is on the left and on the right.
    """

    picture: np.ndarray
    mask: np.ndarray
    aspect: float = 1.0
    sides: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Picture:
    """An image: `values` are `c h w`, from 0 to 1."""

    values: np.ndarray
    place = "pixel"
    millilitres = None

    def write(self, mask: np.ndarray, path: Path) -> None:
        """Write a mask as a PNG whose pixels are classes, with a colour for each."""
        image = Image.fromarray(mask.astype(np.uint8))
        image.putpalette(bytes.fromhex("".join((BACKGROUND, *islice(cycle(COLOURS), 255)))))
        write_atomically(path, lambda beside: image.save(beside, "PNG"))

    def panels(self, mask: np.ndarray) -> list[Panel]:
        """The image."""
        picture = self.values[0] if len(self.values) == 1 else np.moveaxis(self.values, 0, -1)
        return [Panel(picture, mask)]


@dataclass(frozen=True)
class Volume:
    """A volume: `values` are `1 x y z`, from 0 to 1, and `image` is what nibabel made of the file."""

    values: np.ndarray
    image: Any
    place = "voxel"

    @property
    def unit(self) -> str:
        """The unit of lengths."""
        try:
            return self.image.header.get_xyzt_units()[0]
        except (AttributeError, KeyError):  # another kind of file, or a number that stands for no unit
            return "unknown"

    @property
    def millilitres(self) -> float:
        """The volume of one voxel."""
        return float(abs(np.linalg.det(self.image.affine[:3, :3]))) * MILLILITRES[self.unit]

    def write(self, mask: np.ndarray, path: Path) -> None:
        """Write a mask as a volume of bytes at the same place in the world."""
        import nibabel

        written = nibabel.Nifti1Image(mask.astype(np.uint8).reshape(self.image.shape), self.image.affine)
        written.header.set_xyzt_units(self.unit)
        content = written.to_bytes()
        packed = gzip.compress(content, mtime=0) if path.suffix == ".gz" else content
        write_atomically(path, lambda beside: beside.write_bytes(packed))

    def panels(self, mask: np.ndarray) -> list[Panel]:
        """Three slices through the middle of what the mask has: from the side, from the front, and from above."""
        from nibabel.affines import voxel_sizes
        from nibabel.orientations import apply_orientation, io_orientation

        turn = io_orientation(self.image.affine)  # to x rightwards, y forwards, z upwards
        bright = float(np.percentile(self.values, BRIGHT))  # the largest values are often few
        values, classes = apply_orientation(self.values[0] / bright, turn), apply_orientation(mask, turn)
        x, y, z = (float(size) for size in voxel_sizes(self.image.affine)[np.argsort(turn[:, 0])])
        found = np.argwhere(classes) if classes.any() else np.array(classes.shape)[None] / 2
        i, j, k = (int(place) for place in found.mean(0))
        cuts = (
            (np.s_[i], z / y, ("posterior", "anterior")),
            (np.s_[:, j], z / x, ("left", "right")),
            (np.s_[:, :, k], y / x, ("left", "right")),
        )
        return [
            Panel(values[cut].T[::-1].clip(0, 1), classes[cut].T[::-1], aspect, sides) for cut, aspect, sides in cuts
        ]


def is_volume(path: Path) -> bool:
    """Whether a file is a volume, by its name."""
    return path.name.lower().endswith(VOLUMES)


def read_picture(path: Path, channels: int) -> Picture:
    """An image from a file.

    Raises:
        UserError: if it is none, or cannot have these channels.
    """
    if channels not in MODES:
        raise UserError(f"the model sees {channels} channels, and an image has 1 or 3")
    try:
        with Image.open(path) as image:
            turned = ImageOps.exif_transpose(image)
            grey = turned.mode.startswith(("I", "F"))
            pixels = np.asarray(turned if grey else turned.convert(MODES[channels]), dtype=np.float32)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is not a readable image: {error}") from None
    if grey:  # more than 8 bits
        return Picture(np.stack([pixels / max(float(pixels.max()), 1e-9)] * channels))
    return Picture(np.moveaxis(np.atleast_3d(pixels), -1, 0) / 255)


def read_volume(path: Path, channels: int) -> Volume:
    """A volume from a file.

    Raises:
        UserError: if it is none, or shows nothing.
    """
    need("nibabel")
    import nibabel
    from nibabel.orientations import io_orientation

    if channels != 1:
        raise UserError(f"the model sees {channels} channels, and a volume has 1")
    try:
        image: Any = nibabel.load(path)
        values = np.nan_to_num(image.get_fdata(dtype=np.float32), posinf=0.0, neginf=0.0)
    except Exception as error:  # whatever a damaged file makes a reader raise
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path} is not a readable volume: {first}") from None
    if values.ndim < 3 or any(size > 1 for size in values.shape[3:]):
        raise UserError(f"{path} has the axes {values.shape}: it has to be one volume")
    if not np.isfinite(image.affine).all() or np.isnan(io_orientation(image.affine)).any():
        raise UserError(f"{path} does not say where its voxels lie")
    if not values.size or values.max() <= 0:
        raise UserError(f"{path} shows nothing: no voxel is above 0")
    return Volume(values.reshape(1, *values.shape[:3]) / values.max(), image)
