"""Every architecture: FLOPs as its paper's structure gives them, counted by hand, and parameters as torch has them."""

import itertools
from functools import cache

import pytest
import torch

import wirework as ww
from wirework.models.catalogue import CATALOGUE, model_class
from wirework.polynomial import Polynomial

b, t = Polynomial.symbol("b"), Polynomial.symbol("t")


def made(name, preset, **changes):
    kind = model_class(name)
    config = kind.config_class.preset(preset, **changes)
    with torch.device("meta"):
        return kind(config).eval(), config


def linear(rows, inputs, outputs):
    """Multiply-adds of a matrix product."""
    return rows * inputs * outputs


def attention(rows, seen, features):
    """Multiply-adds of scores and of sums of values, where each row sees some others."""
    return 2 * rows * seen * features


def transformer(rows, seen, d, hidden, depth):
    """Multiply-adds of blocks of self-attention and an MLP with two layers."""
    return depth * (4 * linear(rows, d, d) + attention(rows, seen, d) + 2 * linear(rows, d, hidden))


# -- language ------------------------------------------------------------------------------------------------------


def gpt2(c):
    return transformer(b * t, t, c.dim, c.mlp_dim, c.depth) + linear(b * t, c.dim, c.vocabulary)


def llama(c):
    d, inside, shared = c.dim, c.heads * c.head_size, c.kv_count * c.head_size
    projections = 2 * linear(b * t, d, inside) + 2 * linear(b * t, d, shared)
    block = projections + attention(b * t, t, inside) + 3 * linear(b * t, d, c.mlp_dim)
    return c.depth * block + linear(b * t, d, c.vocabulary)


def bert(c):
    head = linear(b * t, c.dim, c.dim) + linear(b * t, c.dim, c.vocabulary)
    return transformer(b * t, t, c.dim, c.mlp_dim, c.depth) + (head if c.head == "mlm" else 0)


def multi_head(c):
    inside = c.heads * c.head_dim
    return 4 * linear(b * t, c.dim, inside) + attention(b * t, t, inside)


# -- images --------------------------------------------------------------------------------------------------------


def mlp(c):
    sizes = (c.channels * c.sides[0] * c.sides[1], *c.hidden, c.classes)
    return sum(linear(b, before, after) for before, after in itertools.pairwise(sizes))


def vit(c):
    patches = c.grid[0] * c.grid[1]
    tokens = 1 + c.registers + patches
    heads = (2 if c.distilled else 1) * linear(b, c.dim, c.classes)
    embedding = linear(b * patches, c.channels * c.patch_size**2, c.dim)
    return embedding + transformer(b * tokens, tokens, c.dim, c.mlp_dim, c.depth) + heads


def mixer(c):
    embedding = linear(b * c.tokens, c.channels * c.patch_size**2, c.dim)
    mixing = 2 * linear(b * c.dim, c.tokens, c.token_mlp_dim) + 2 * linear(b * c.tokens, c.dim, c.feature_mlp_dim)
    return embedding + c.depth * mixing + linear(b, c.dim, c.classes)


def swin(c):
    total = linear(b * c.maps[0][0] * c.maps[0][1], c.channels * c.patch_size**2, c.dim)
    for stage, (d, depth, (rows, columns), window) in enumerate(zip(c.dims, c.depths, c.maps, c.windows, strict=True)):
        if stage:
            total += linear(b * rows * columns, 2 * d, d)
        total += transformer(b * rows * columns, window[0] * window[1], d, int(c.mlp_ratio * d), depth)
    return total + linear(b, c.dims[-1], c.classes)


def resnet(c, side):
    """For square images."""
    side = side // c.stem_stride
    total = linear(b * side**2, c.channels * c.stem_kernel**2, c.stem_dim)
    side, before = side // (1 if c.pool == "none" else 2), c.stem_dim
    for stage, (d, depth) in enumerate(zip(c.dims, c.depths, strict=True)):
        for unit in range(depth):
            after = side // 2 if stage and not unit else side
            first = after if c.early_stride else side
            inside = d // 4
            total += linear(b * first**2, before, inside) + linear(b * after**2, 9 * inside, inside)
            total += linear(b * after**2, inside, d) + (0 if unit else linear(b * after**2, before, d))
            side, before = after, d
    return total + linear(b, before, c.classes)


def unet(c, side):
    """For images of as many places along each axis, and two convolutions of kernel 3 at each level."""
    n, kernel = c.dimensions, 3**c.dimensions
    total, before = Polynomial.of(0), c.channels
    for level, width in enumerate(c.widths):
        places = b * (side // 2**level) ** n
        total += linear(places, kernel * before, width) + linear(places, kernel * width, width)
        before = width
    for level in reversed(range(len(c.widths) - 1)):
        width, below = c.widths[level], b * (side // 2 ** (level + 1)) ** n
        total += linear(below, before, width * 2**n)
        places = b * (side // 2**level) ** n
        total += linear(places, kernel * 2 * width, width) + linear(places, kernel * width, width)
        before = width
    return total + linear(b * side**n, before, c.classes)


def residual_unet(c, side):
    """With two convolutions of kernel 3 and a connection past them at each level, which halves the image."""
    n, kernel = c.dimensions, 3**c.dimensions
    *widths, middle = c.widths
    total, before = Polynomial.of(0), c.channels
    for width in widths:
        side //= 2
        total += linear(b * side**n, kernel * before, 2 * width) + linear(b * side**n, kernel * width, width)
        before = width
    total += linear(b * side**n, before * (kernel + 1), middle) + linear(b * side**n, kernel * middle, middle)
    before = middle
    for width, above in zip(reversed(widths), reversed((c.classes, *widths[:-1])), strict=True):
        total += linear(b * side**n, width + before, kernel * above)
        side *= 2
        total += linear(b * side**n, kernel * above, above)
        before = above
    return total


def visual_attention(c, side):
    inside, places = c.heads * c.head_dim, (side // c.stride) ** 2
    projection = linear(b * places, c.channels * c.kernel**2, inside)
    return 4 * projection + attention(b * places, places, inside)


TOKENS, IMAGES = "b t: int64", "b c h w"
BY_HAND = [  # architecture, preset, signature, multiply-adds
    ("mlp", "mnist", IMAGES, mlp, 28),
    ("mlp", "digits", IMAGES, mlp, 8),
    ("attention", "attention", "b t d", multi_head, 0),
    ("attention", "causal", "b t d", multi_head, 0),
    ("gpt2", "characters", TOKENS, gpt2, 0),
    ("gpt2", "small", TOKENS, gpt2, 0),
    ("gpt2", "xl", TOKENS, gpt2, 0),
    ("llama", "characters", TOKENS, llama, 0),
    ("llama", "llama3_8b", TOKENS, llama, 0),
    ("llama", "qwen3_0_6b", TOKENS, llama, 0),
    ("bert", "tiny", TOKENS, bert, 0),
    ("bert", "base", TOKENS, bert, 0),
    ("vit", "digits", IMAGES, vit, 8),
    ("vit", "base", IMAGES, vit, 224),
    ("swin", "digits", IMAGES, swin, 8),
    ("swin", "tiny", IMAGES, swin, 224),
    ("mixer", "digits", IMAGES, mixer, 8),
    ("mixer", "b16", IMAGES, mixer, 224),
    ("resnet", "cifar", IMAGES, resnet, 32),
    ("resnet", "resnetv2_50", IMAGES, resnet, 224),
    ("unet", "small", IMAGES, unet, 64),
    ("residual-unet", "ventricle", IMAGES, residual_unet, 64),
    ("visual-attention", "pixels", IMAGES, visual_attention, 16),
    ("visual-attention", "patches", IMAGES, visual_attention, 15),
]


@cache
def traced(name, preset, signature, side=0):
    model, config = made(name, preset)
    known = {"c": config.channels, "h": side, "w": side} if side else {}
    known |= {"d": config.dim} if signature == "b t d" else {}
    return ww.trace(model, signature, **known), model, config


def test_every_architecture_is_here():
    assert {name for name, *_ in BY_HAND} == set(CATALOGUE)


@pytest.mark.parametrize(("name", "preset", "signature", "by_hand", "side"), BY_HAND)
def test_multiply_adds_are_those_counted_by_hand(name, preset, signature, by_hand, side):
    circuit, _, config = traced(name, preset, signature, side)
    any_size = by_hand in (resnet, unet, residual_unet, visual_attention)
    expected = by_hand(config, side) if any_size else by_hand(config)
    found = circuit.cost()
    assert found.macs == expected
    assert found.contraction == 2 * expected
    assert found.backward == 4 * expected
    assert found.unknown == ()


@pytest.mark.parametrize(("name", "preset", "signature", "by_hand", "side"), BY_HAND)
def test_parameters_are_those_of_the_module(name, preset, signature, by_hand, side):
    circuit, model, _ = traced(name, preset, signature, side)
    assert circuit.cost().parameters == sum(parameter.numel() for parameter in model.parameters())


def test_gpt2_to_the_last_flop():
    circuit, _, c = traced("gpt2", "small", TOKENS)
    tokens, d, m, h = b * t, c.dim, c.mlp_dim, c.heads
    norm = 9 * tokens * d  # 7, and 2 for scale and shift
    attended = 9 * b * h * t**2  # 1 to scale a score, 8 for its softmax
    biases = 4 * tokens * d + tokens * m + tokens * d
    block = 2 * norm + attended + biases + 8 * tokens * m + 2 * tokens * d
    found = circuit.cost()
    assert found.other == tokens * d + c.depth * block + norm
    assert found.cache.per_token == 2 * 4 * c.depth * d
    assert found.cache.total == 2 * 4 * c.depth * d * tokens
    assert found.hidden == c.depth * ((4 * d + 9 * h) * b * (t**2 - t) // 2)


def test_the_cache_of_grouped_heads():
    circuit, _, c = traced("llama", "llama3_8b", TOKENS)
    assert circuit.cost(dtype="bfloat16").cache.per_token == 2 * 2 * c.depth * c.kv_count * c.head_size == 131072


def test_a_llama_of_405_billion_parameters():
    circuit, _, c = traced("llama", "llama3_1_405b", TOKENS)
    found = circuit.cost(b=1, t=8192)
    assert found.parameters == 405_853_388_800
    assert found.macs == llama(c).evaluate(b=1, t=8192)
