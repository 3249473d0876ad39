"""Wrong expressions and wrong calls, made from right ones by small changes: a `WireworkError` or a result, nothing else."""

import warnings
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wirework as ww
from strategies import FAMILIES, Case, Data, Unsolvable, cases
from targets import EAGER, NUMPY, TORCH, on
from wirework.errors import WireworkError
from wirework.operations import OPERATIONS

EXAMPLES = settings().max_examples * 3
CHARACTERS = "()[],+-> .abcxyz_013|*é\n\t\"'\\{};#$"
WORDS = ("...", "->", "[", "]", "(", ")", ", ", " + ", " 1 ", "0", "zz", " a ", "->->", "[->]", "[,]", "()", "[]")


def changed_text(rng: Random, text: str) -> str:
    """A text with a few characters or words put in, left out or exchanged."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place = rng.randint(0, len(text))
        match rng.choice(("drop", "drop", "insert", "word", "double", "swap", "cut")):
            case "drop":
                text = text[:place] + text[place + 1 :]
            case "insert":
                text = text[:place] + rng.choice(CHARACTERS) + text[place:]
            case "word":
                text = text[:place] + rng.choice(WORDS) + text[place:]
            case "double":
                text = text[:place] + text[place : place + 2] + text[place:]
            case "swap":
                other = rng.randint(place, len(text))
                text = text[:place] + text[other : other + 1] + text[place:]
            case "cut":
                text = text[place:] if rng.random() < 0.5 else text[:place]
    return text


def changed_shape(rng: Random, argument: Data) -> Data:
    """An argument with a dimension more or less, or longer or shorter."""
    values = argument.values
    match rng.choice(("more", "less", "longer", "shorter")):
        case "more":
            values = np.expand_dims(values, rng.randint(0, values.ndim))
        case "less" if values.ndim and values.shape[0]:
            values = values[0]
        case "longer" if values.ndim:
            values = np.concatenate([values, values[:1]])
        case "shorter" if values.ndim:
            values = values[1:]
    return Data(np.asarray(values), argument.dtype)


def changed_keywords(rng: Random, keywords: dict) -> dict:
    """Keywords with a wrong one, or without one."""
    keywords = dict(keywords)
    name = rng.choice([*keywords, "zz", "a", "b", "c", "sizes", "keepdims", "shift"])
    match rng.choice(("drop", "wrong", "wrong", "negative", "odd")):
        case "drop":
            keywords.pop(name, None)
        case "wrong":
            keywords[name] = rng.choice((0, 1, 2, 3, 5, 7))
        case "negative":
            keywords[name] = rng.choice((-1, -2, (-1,), (2, -3)))
        case "odd":
            keywords[name] = rng.choice((2.5, "2", None, True, (), (2, 2), [[2], 3], np.float64(2), object(), {}, 2.0))
    return keywords


def changed(rng: Random, case: Case) -> Case:
    arguments, keywords, text = list(case.arguments), case.keywords, case.expression
    match rng.choice(("text", "text", "text", "shape", "shape", "keywords", "keywords", "count")):
        case "text":
            text = changed_text(rng, text)
        case "shape":
            place = rng.randrange(len(arguments))
            if isinstance(arguments[place], Data):
                arguments[place] = changed_shape(rng, arguments[place])
        case "keywords":
            keywords = changed_keywords(rng, keywords)
        case "count":
            arguments = rng.choice(
                (arguments[:-1], arguments + arguments[:1], [*arguments, "text"], [*arguments, None, 1])
            )
    return Case(case.operation, text, arguments, keywords)


def wrong_cases(family: str) -> st.SearchStrategy[Case]:
    def make(rng: Random) -> Case | None:
        try:
            case = FAMILIES[family](rng)
        except Unsolvable:
            return None
        return None if case is None else changed(rng, case)

    return cases(make)


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_only_errors_of_our_own(family, data):
    case = data.draw(wrong_cases(family))
    for target in (NUMPY, TORCH):
        if not target.refuses(case):
            assert_works_or_explains(case, target)


def assert_works_or_explains(case, target):
    arguments = [on(target, argument) for argument in case.arguments]
    keywords = {name: on(target, value) for name, value in case.keywords.items()}
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(ww, case.operation)(case.expression, *arguments, **keywords)
    except WireworkError as error:
        assert str(error)
    except AssertionError as error:
        if "asked for" not in str(error):  # a factory's own
            raise
    except Exception as error:
        error.add_note(f"on {target.name}: {case!r}")
        raise


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@settings(max_examples=max(EXAMPLES // 6, 1))
@given(text=st.text(alphabet=CHARACTERS, max_size=12), ranks=st.lists(st.integers(0, 3), min_size=1, max_size=3))
def test_noise(name, text, ranks):
    case = Case(name, text, [Data(np.ones((2,) * rank), "float64") for rank in ranks])
    assert_works_or_explains(case, NUMPY)


@pytest.mark.parametrize("target", EAGER, ids=lambda target: target.name)
@pytest.mark.parametrize("expression", [None, 3, b"a -> a", ["a"], ("a", "b"), {"a": 1}])
def test_an_expression_is_a_string(expression, target):
    with pytest.raises(WireworkError, match="must be a string"):
        ww.rearrange(expression, target.array(np.ones(3), "float64"))
