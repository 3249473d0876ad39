"""`wirework explain`: what it prints, what it guesses, and what becomes of mistakes."""

import json

import pytest

from wirework.cli.errors import UserError
from wirework.cli.explain import guess_operation, read_shape, read_sizes
from wirework.notation.parse import parse

SCORES = "b q (h [c]), b k (h [c]) -> b h q k"


def test_explains_attention_scores(wirework):
    result = wirework("explain", SCORES, "--op", "dot", "--shape", "2 5 16", "--shape", "2 7 16", "h=2")
    assert result.returncode == 0
    assert SCORES in result.stdout
    assert " @ " in result.stdout
    assert "\x1b" not in result.stdout, "plain when piped"


def test_guesses_the_operation(wirework):
    asked = wirework("explain", SCORES, "--op", "dot", "--shape", "2 5 16", "--shape", "2 7 16", "h=2")
    guessed = wirework("explain", SCORES, "--shape", "2 5 16", "--shape", "2 7 16", "h=2")
    assert guessed.stdout == asked.stdout


def test_json(wirework):
    result = wirework("explain", "b (h w) c -> b c h w", "--shape", "2 12 3", "h=3", "--json")
    assert result.returncode == 0
    assert isinstance(json.loads(result.stdout), dict)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_backends(wirework, backend):
    result = wirework("explain", "b [s...] c", "--op", "mean", "--shape", "2 4 4 8", "--backend", backend)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["b (h w"], "'(' is never closed\n\n    b (h w\n      ^"),
        (["b | c"], "'|' is not used any more: write '->'"),
        (["a -> a", "--shape", "two"], "--shape is a list of lengths, such as \"2 5 16\", not 'two'"),
        (["a -> a", "h:2"], "sizes are written NAME=SIZE, such as h=2 or s=4,4, not 'h:2'"),
        (["(a b) -> a b", "--shape", "6", "b=4"], "divi"),
        (["a -> a", "--op", "rearang", "--shape", "3"], "rearrange"),
        (["a -> a", "--backend", "tensorflow", "--shape", "3"], "tensorflow"),
        (["a -> a", "--shape", "3", "q=2"], "q is not an axis of the expression"),
    ],
)
def test_mistakes_exit_with_2_and_one_message(wirework, arguments, message):
    result = wirework("explain", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("expression", "operation"),
    [
        ("b h w c -> b (h w) c", "rearrange"),
        ("b [s...] c", "sum"),
        ("b s c -> b c", "sum"),
        ("b q [k] h -> b q [k] h", "softmax"),
        ("b q d, b k d -> b q k", "dot"),
        ("b [c_in -> c_out]", "dot"),
        (SCORES, "dot"),
        ("a, b -> a b", "multiply"),
        ("b s c, c -> b (1 + s) c", "rearrange"),
    ],
)
def test_guess(expression, operation):
    assert guess_operation(parse(expression)) == operation


def test_reading_shapes_and_sizes():
    assert read_shape("2 5 16") == read_shape("(2, 5, 16)") == read_shape("2x5x16") == (2, 5, 16)
    assert read_shape("") == ()
    assert read_sizes(["h=2", "s=4,4", "p=(3,)"]) == {"h": 2, "s": (4, 4), "p": (3,)}
    with pytest.raises(UserError):
        read_sizes(["2=h"])
