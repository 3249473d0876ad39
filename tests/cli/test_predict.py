"""`wirework predict`: any kind of image file ends as the same 8x8 ink."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from wirework.cli.errors import UserError
from wirework.cli.image_file import read_image
from wirework.data.datasets import load

DIGITS = load("digits")
DIGIT = torch.from_numpy(DIGITS.test_images[0] / 16).float()
INK = DIGIT[0].numpy()


def save(path, ink, mode="L", light_on_dark=False, scale=1, margin=0):
    """An image file of some ink."""
    pixels = np.pad(np.kron(ink, np.ones((scale, scale))), margin)
    pixels = np.uint8(np.round(255 * (pixels if light_on_dark else 1 - pixels)))
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.mark.parametrize("light_on_dark", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_eight_by_eight_is_taken_as_it_is(tmp_path, mode, light_on_dark):
    path = save(tmp_path / "digit.png", INK, mode, light_on_dark)
    torch.testing.assert_close(read_image(path, DIGITS), DIGIT / DIGIT.max(), rtol=0, atol=5e-3)


@pytest.mark.parametrize("scale", [4, 13])
def test_enlarged_with_a_margin(tmp_path, scale):
    """The frame is found again, up to the empty columns at the sides, which are centred."""
    path = save(tmp_path / "digit.png", INK, scale=scale, margin=3 * scale)
    found = read_image(path, DIGITS)[0].numpy()
    shifted = [np.roll(INK / INK.max(), step, axis=1) for step in (-1, 0, 1)]
    assert max(np.corrcoef(found.ravel(), each.ravel())[0, 1] for each in shifted) > 0.8


def test_sixteen_bits_and_transparency(tmp_path):
    Image.fromarray(np.uint16(np.round(65535 * INK))).save(tmp_path / "deep.png")
    torch.testing.assert_close(read_image(tmp_path / "deep.png", DIGITS), DIGIT / DIGIT.max(), rtol=0, atol=5e-3)
    layers = np.zeros((8, 8, 4), np.uint8)
    layers[..., 3] = np.round(255 * INK)
    Image.fromarray(layers).save(tmp_path / "clear.png")
    torch.testing.assert_close(read_image(tmp_path / "clear.png", DIGITS), DIGIT / DIGIT.max(), rtol=0, atol=5e-3)


def test_a_file_that_shows_nothing(tmp_path):
    Image.new("L", (20, 20), 200).save(tmp_path / "empty.png")
    with pytest.raises(UserError, match="shows nothing: it has one even tone"):
        read_image(tmp_path / "empty.png", DIGITS)


def test_predicts_a_saved_digit(wirework, trained):
    folder, _ = trained
    sample = folder / "samples" / "3.png"
    result = wirework("predict", "--checkpoint", folder, sample)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{sample}: ")
    assert len(lines) == 11


def test_json(wirework, trained):
    folder, _ = trained
    samples = [folder / "samples" / f"{digit}.png" for digit in (3, 7)]
    result = wirework("predict", "--checkpoint", folder / "model.safetensors", *samples, "--json")
    records = json.loads(result.stdout)
    assert [record["image"] for record in records] == [str(sample) for sample in samples]
    for record in records:
        assert sum(record["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert str(record["class"]) == max(record["probabilities"], key=record["probabilities"].get)


def test_mistakes(wirework, trained, tmp_path):
    folder, _ = trained
    (tmp_path / "text.png").write_text("not an image")
    damaged = shutil.copytree(folder, tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"nor a checkpoint")
    sample = folder / "samples" / "3.png"
    for arguments, message in [
        (["--checkpoint", folder, tmp_path / "none.png"], "there is no file"),
        (["--checkpoint", folder, tmp_path / "text.png"], "is not a readable image"),
        (["--checkpoint", tmp_path / "none", sample], "is not a folder of `wirework train`"),
        (["--checkpoint", damaged, sample], "model.safetensors cannot be read"),
    ]:
        result = wirework("predict", *arguments)
        assert result.returncode == 2
        assert message in result.stderr
        assert "Traceback" not in result.stderr
