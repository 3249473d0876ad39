"""`wirework segment`: any image or volume gets a mask of its own size."""

import gzip
import json

import numpy as np
import pytest
import torch
from PIL import Image

from packaged import folder_or_skip
from wirework.cli.scans import Volume, read_picture, read_volume
from wirework.cli.segment import best_class, size_of
from wirework.models.mlp import DigitMLP
from wirework.models.residual_unet import ResidualUNet
from wirework.models.unet import UNet, UNetConfig


@pytest.fixture(scope="module")
def nibabel():
    return pytest.importorskip("nibabel", reason="nibabel is not installed")


def brightest(folder, n, channels=1, classes=2):
    """The folder of a U-Net whose classes are bands of brightness: each logit is a line in the mean channel."""
    model = UNet(UNetConfig(dimensions=n, channels=channels, classes=classes, widths=(2, 2), convolutions=(1, 0, 1)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        middle = (..., *[1] * n)
        model.down[0][0].conv.weight[0, :, *middle[1:]] = 1 / channels
        model.up[0].convs[0].conv.weight[0, 0, *middle[1:]] = 1
        slopes = torch.arange(float(classes)) if classes > 1 else torch.tensor([10.0])
        model.head.weight.view(classes, 2)[:, 0] = slopes
        edges = (torch.arange(float(classes)) / classes + 0.001).cumsum(0)  # 0.001: no pixel lies on an edge
        model.head.bias.copy_(edges[0] - edges if classes > 1 else torch.tensor([-5.0]))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The folders of models for images, coloured images, images of three classes, and volumes."""
    sizes = {"grey": (2, 1, 1), "colour": (2, 3, 2), "bands": (2, 1, 3), "volume": (3, 1, 1)}
    return {name: brightest(tmp_path_factory.mktemp(name), *each) for name, each in sizes.items()}


PIXELS = np.uint8(np.linspace(0, 255, 13 * 22).reshape(13, 22))
X, Y, Z = np.meshgrid(*map(np.arange, (9, 12, 7)), indexing="ij")
BALL = np.float32(((X - 4) ** 2 + (Y - 6) ** 2 + (Z - 3) ** 2) < 9)
AFFINE = np.array([[0, 0, 2, -7], [-1.5, 0, 0, 9], [0, 3, 0, 4], [0, 0, 0, 1.0]])  # turned; 9 mm3 a voxel


def save_volume(nibabel, path, values=BALL, affine=AFFINE):
    nibabel.Nifti1Image(values, affine).to_filename(path)
    return path


class TestImages:
    def test_a_residual_unet(self, wirework, tmp_path):
        model = ResidualUNet.preset("ventricle", widths=(2, 4, 6), strides=(2, 2)).eval()
        model.save_pretrained(tmp_path / "model")
        Image.fromarray(PIXELS).save(tmp_path / "image.png")
        result = wirework(
            "segment", tmp_path / "image.png", "--checkpoint", tmp_path / "model", "-o", tmp_path / "mask.png"
        )
        assert result.returncode == 0, result.stderr
        with torch.no_grad():
            expected = model.probabilities(torch.tensor(PIXELS / np.float32(255))[None, None])[0].argmax(0)
        assert np.array_equal(np.array(Image.open(tmp_path / "mask.png")), expected)

    @pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "I;16"])
    def test_any_mode_and_size(self, wirework, folders, tmp_path, mode):
        if mode == "I;16":
            Image.fromarray(np.uint16(PIXELS) * 257).save(tmp_path / "image.png")
        else:
            Image.fromarray(PIXELS).convert(mode).save(tmp_path / "image.png")
        output = tmp_path / "mask.png"
        result = wirework("segment", tmp_path / "image.png", "-o", output, "--checkpoint", folders["grey"])
        assert result.returncode == 0, result.stderr
        mask = np.asarray(Image.open(output))
        assert np.array_equal(mask, PIXELS > 127)
        assert result.stdout == f"{output} (13 x 22): 142 pixels (49.7%)\n"

    def test_colours(self, wirework, folders, tmp_path):
        pixels = np.zeros((5, 6, 3), np.uint8)
        pixels[:, 3:] = 255
        Image.fromarray(pixels).save(tmp_path / "image.png")
        result = wirework(
            "segment", tmp_path / "image.png", "-o", tmp_path / "mask.png", "--checkpoint", folders["colour"]
        )
        assert result.returncode == 0, result.stderr
        assert np.array_equal(np.asarray(Image.open(tmp_path / "mask.png")), pixels[..., 0] > 0)

    def test_several_classes(self, wirework, folders, tmp_path):
        Image.fromarray(PIXELS).save(tmp_path / "image.png")
        arguments = [
            "-o",
            tmp_path / "mask.png",
            "--checkpoint",
            folders["bands"],
            "--preview",
            tmp_path / "preview.png",
        ]
        result = wirework("segment", tmp_path / "image.png", *arguments)
        assert result.returncode == 0, result.stderr
        with Image.open(tmp_path / "mask.png") as image:
            assert image.mode == "P"
            assert image.getpalette()[:6] == [0, 0, 0, 255, 255, 255]
            mask = np.asarray(image)
        assert np.array_equal(mask, np.digitize(PIXELS, [85.2, 170.2]))
        assert result.stdout.splitlines() == [
            f"{tmp_path}/mask.png (13 x 22): class 1: 95 pixels (33.2%); class 2: 94 pixels (32.9%)",
            f"{tmp_path}/preview.png: the outline of the mask",
        ]
        assert Image.open(tmp_path / "preview.png").size[0] > 300

    def test_json(self, wirework, folders, tmp_path):
        Image.fromarray(PIXELS).save(tmp_path / "image.png")
        arguments = ["-o", tmp_path / "mask.png", "--checkpoint", folders["grey"], "--threshold", "0.9", "--json"]
        result = wirework("segment", tmp_path / "image.png", *arguments)
        count = int((PIXELS / 255 > 0.72).sum())
        assert json.loads(result.stdout) == {
            "input": str(tmp_path / "image.png"),
            "mask": str(tmp_path / "mask.png"),
            "shape": [13, 22],
            "classes": [{"class": 1, "pixels": count, "fraction": round(count / PIXELS.size, 6)}],
        }

    def test_read(self, tmp_path):
        Image.fromarray(PIXELS).save(tmp_path / "image.png")
        assert np.array_equal(read_picture(tmp_path / "image.png", 1).values, np.float32(PIXELS)[None] / 255)
        assert read_picture(tmp_path / "image.png", 3).values.shape == (3, 13, 22)


class TestVolumes:
    @pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
    def test_the_mask_lies_where_the_volume_does(self, wirework, nibabel, folders, tmp_path, ending):
        file = save_volume(nibabel, tmp_path / f"ball{ending}")
        output = tmp_path / f"mask{ending}"
        result = wirework("segment", file, "-o", output, "--checkpoint", folders["volume"])
        assert result.returncode == 0, result.stderr
        mask = nibabel.load(output)
        assert mask.get_data_dtype() == np.uint8
        assert np.array_equal(mask.get_fdata(), BALL)
        assert np.allclose(mask.affine, AFFINE)
        count = int(BALL.sum())
        line = f"{output} (9 x 12 x 7): {count} voxels ({count / BALL.size:.1%}), {count * 0.009:.1f} ml\n"
        assert result.stdout == line

    def test_json_and_preview(self, wirework, nibabel, folders, tmp_path):
        file = save_volume(nibabel, tmp_path / "ball.nii", BALL[..., None])
        arguments = ["-o", tmp_path / "mask.nii", "--checkpoint", folders["volume"], "--json"]
        result = wirework("segment", file, *arguments, "--preview", tmp_path / "preview.png")
        record = json.loads(result.stdout)
        assert record["shape"] == [9, 12, 7]
        assert record["classes"][0]["millilitres"] == pytest.approx(BALL.sum() * 0.009, abs=1e-3)
        assert record["preview"] == str(tmp_path / "preview.png")
        assert nibabel.load(tmp_path / "mask.nii").shape == (9, 12, 7, 1)
        assert Image.open(tmp_path / "preview.png").size[0] > 300

    def test_the_same_bytes_again(self, wirework, nibabel, folders, tmp_path):
        file = save_volume(nibabel, tmp_path / "ball.nii.gz")
        outputs = [tmp_path / name for name in ("a.nii.gz", "b.nii.gz")]
        for output in outputs:
            wirework("segment", file, "-o", output, "--checkpoint", folders["volume"])
        assert outputs[0].read_bytes() == outputs[1].read_bytes()

    def test_units_and_voxels_that_are_no_numbers(self, nibabel, tmp_path):
        values = BALL.copy()
        values[0, 0, 0], values[1, 0, 0] = np.nan, np.inf
        image = nibabel.Nifti1Image(values, np.diag([0.001, 0.001, 0.002, 1]))
        image.header.set_xyzt_units("meter")
        image.to_filename(tmp_path / "ball.nii")
        volume = read_volume(tmp_path / "ball.nii", 1)
        assert volume.millilitres == pytest.approx(0.002)
        assert np.array_equal(volume.values[0], BALL)

    def test_scaled_integers_of_the_other_endianness(self, nibabel, tmp_path):
        header = nibabel.Nifti1Header(endianness=">")
        header.set_data_dtype(np.int16)
        image = nibabel.Nifti1Image(BALL * 1000, np.eye(4), header)
        image.header.set_slope_inter(0.5, 3)
        image.to_filename(tmp_path / "ball.nii")
        volume = read_volume(tmp_path / "ball.nii", 1)
        assert np.allclose(volume.values[0], (BALL * 500 + 3) / 503)

    def test_panels_show_slices_upright(self, nibabel):
        """A mark that is on the left, in front and on top is there in all pictures, however the volume is stored."""
        values = np.zeros((9, 12, 7), np.float32)
        values[4, 6, 3] = 0.5
        affine = np.array([[0, 0, -1, 0], [2, 0, 0, 0], [0, 3, 0, 0], [0, 0, 0, 1.0]])  # stored as y z x, x leftwards
        values[8, 11, 6] = 1
        volume = Volume(values[None], nibabel.Nifti1Image(values, affine))
        panels = volume.panels(np.uint8(values == 1))
        assert [panel.mask.shape for panel in panels] == [(12, 9), (12, 7), (9, 7)]
        assert [np.argwhere(panel.mask).tolist() for panel in panels] == [[[0, 8]], [[0, 0]], [[0, 0]]]
        assert [panel.aspect for panel in panels] == [1.5, 3.0, 2.0]

    def test_panels_of_nothing(self, nibabel):
        volume = Volume(BALL[None], nibabel.Nifti1Image(BALL, AFFINE))
        assert [panel.mask.any() for panel in volume.panels(np.zeros((9, 12, 7), np.uint8))] == [False] * 3


def test_best_class():
    assert best_class(torch.tensor([[0.2, 0.5, 0.9]]), 0.5).tolist() == [0, 1, 1]
    assert best_class(torch.tensor([[0.2, 0.5], [0.7, 0.1], [0.1, 0.4]]), 0.5).tolist() == [1, 0]


def test_size_of():
    assert size_of({"class": 2, "voxels": 1234, "fraction": 0.25, "millilitres": 1.26}, True) == (
        "class 2: 1,234 voxels (25.0%), 1.3 ml"
    )


class TestMistakes:
    def refused(self, wirework, *arguments):
        result = wirework("segment", *arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
        return result.stderr.removeprefix("wirework: ").strip()

    def test_before_anything_is_loaded(self, wirework, tmp_path):
        image, volume = tmp_path / "image.png", tmp_path / "volume.nii.gz"
        image.touch()
        volume.touch()
        for arguments, message in [
            ([tmp_path / "none.png", "-o", "mask.png"], f"there is no file {tmp_path}/none.png"),
            ([image, "-o", "mask.jpg"], "the mask of an image is a file whose name ends in .png, not mask.jpg"),
            ([volume, "-o", "m.png"], "the mask of a volume is a file whose name ends in .nii or .nii.gz, not m.png"),
            ([image, "-o", "m.png"], f"{image} is an image: give a --checkpoint, because only for volumes there is one to download"),
            ([volume, "-o", "m.nii", "--preview", "p.pdf"], "the preview is a file whose name ends in .png, not p.pdf"),
            ([image, "-o", "m.png", "--checkpoint", tmp_path / "no/ne"], f"there is no file or folder {tmp_path}/no/ne"),
        ]:  # fmt: skip
            assert self.refused(wirework, *arguments) == message

    def test_files_that_are_something_else(self, wirework, nibabel, folders, tmp_path):
        (tmp_path / "text.png").write_text("a text")
        (tmp_path / "text.nii").write_text("a text" * 100)
        (tmp_path / "text.nii.gz").write_bytes(gzip.compress(b"a text" * 100))
        whole = save_volume(nibabel, tmp_path / "ball.nii.gz").read_bytes()
        (tmp_path / "half.nii.gz").write_bytes(whole[: len(whole) // 2])
        colours = np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
        save_volume(nibabel, tmp_path / "colours.nii", colours)
        save_volume(nibabel, tmp_path / "film.nii", np.ones((4, 4, 4, 2), np.float32))
        save_volume(nibabel, tmp_path / "empty.nii", np.zeros((4, 4, 4), np.float32))
        header = nibabel.Nifti1Header()
        header.set_sform(np.diag([1, 1, 0, 1.0]), code=1)
        nibabel.Nifti1Image(BALL, None, header).to_filename(tmp_path / "flat.nii")
        for name, message in [
            ("text.png", "is not a readable image: "),
            ("text.nii", "is not a readable volume: "),
            ("text.nii.gz", "is not a readable volume: "),
            ("half.nii.gz", "is not a readable volume: "),
            ("colours.nii", "is not a readable volume: "),
            ("film.nii", "has the axes (4, 4, 4, 2): it has to be one volume"),
            ("empty.nii", "shows nothing: no voxel is above 0"),
            ("flat.nii", "does not say where its voxels lie"),
        ]:
            kind, output = ("grey", "m.png") if name.endswith("png") else ("volume", "m.nii")
            said = self.refused(wirework, tmp_path / name, "-o", tmp_path / output, "--checkpoint", folders[kind])
            assert said.startswith(f"{tmp_path / name} {message}")
            assert not (tmp_path / output).exists()

    def test_models_that_do_not_fit(self, wirework, nibabel, folders, tmp_path):
        Image.fromarray(PIXELS).save(tmp_path / "image.png")
        said = self.refused(
            wirework, tmp_path / "image.png", "-o", tmp_path / "m.png", "--checkpoint", folders["volume"]
        )
        assert said == f"the model segments in 3 dimensions, and {tmp_path}/image.png has 2"
        UNet(UNetConfig(channels=2, widths=(1, 1))).save_pretrained(tmp_path / "two")
        said = self.refused(
            wirework, tmp_path / "image.png", "-o", tmp_path / "m.png", "--checkpoint", tmp_path / "two"
        )
        assert said == "the model sees 2 channels, and an image has 1 or 3"
        DigitMLP.preset("digits").save_pretrained(tmp_path / "mlp")
        said = self.refused(
            wirework, tmp_path / "image.png", "-o", tmp_path / "m.png", "--checkpoint", tmp_path / "mlp"
        )
        assert said == f"{tmp_path}/mlp has a DigitMLP: only U-Nets segment"


def test_the_brain_in_a_head(wirework, nibabel, tmp_path):
    """Against the brain that FSL's BET found in the same head."""
    folder_or_skip("deepbrain")
    head = folder_or_skip("mricron-data")
    result = wirework("segment", head / "ch2.nii.gz", "-o", tmp_path / "brain.nii.gz")
    assert result.returncode == 0, result.stderr
    found = nibabel.load(tmp_path / "brain.nii.gz").get_fdata() > 0
    expected = nibabel.load(head / "ch2bet.nii.gz").get_fdata() > 0
    dice = 2 * (found & expected).sum() / (found.sum() + expected.sum())
    assert dice > 0.9
