"""FLOPs of single operations, as formulas counted by hand."""

import pytest

from cost.making import Making
from wirework.circuit.functions import FUNCTIONS
from wirework.cost import cost
from wirework.polynomial import Polynomial


def counted(kind, expression, *, dtype="float32", keywords=(), sizes=(), **options):
    """The cost of a circuit of one operation, all of whose axes are symbols but for `sizes`."""
    making = Making(**dict(sizes))
    operands = [text.strip() for text in expression.split("->")[0].split(",")]
    inputs = [making.input(operand, dtype) for operand in operands]
    given = {name: making.input(operand) for name, operand in dict(keywords).items()}
    outputs = making.node(kind, expression, *inputs, keywords=given, **options)
    return cost(making.circuit(*(outputs if isinstance(outputs, tuple) else (outputs,))))


HEADS = "b q h [d], b [k] h [d], b [k] h e -> b q h e"
CONV = "b [c] [h w], d [c] [i j] -> b d y x"
BY_HAND = [  # operation, expression, contraction, multiply-adds, other
    ("dot", "a [b], [b] c -> a c", {}, "2*a*b*c", "a*b*c", "0"),
    ("dot", "a, b -> a b", {}, "a*b", "a*b", "0"),
    ("dot", "a [b], [b] [c], [c] d -> a d", {}, "3*a*b*c*d", "2*a*b*c*d", "0"),
    ("dot", "a [b] -> a", {}, "a*b", "0", "0"),
    ("dot", "a [b], [b] c -> a c", {"keywords": {"bias": "c"}}, "2*a*b*c", "a*b*c", "a*c"),
    ("attention", HEADS, {}, "2*b*q*k*h*d + 2*b*q*k*h*e", "b*q*k*h*d + b*q*k*h*e", "9*b*q*k*h"),
    ("attention", HEADS, {"causal": True}, "2*b*q*k*h*d + 2*b*q*k*h*e", "b*q*k*h*d + b*q*k*h*e", "9*b*q*k*h"),
    ("attention", HEADS, {"keywords": {"mask": "q k"}, "softcap": 3.0}, "2*b*q*k*h*d + 2*b*q*k*h*e",
     "b*q*k*h*d + b*q*k*h*e", "16*b*q*k*h"),
    ("attention", "b q (g r) [d], b [k] g [d], b [k] g e -> b q (g r) e", {}, "2*b*q*k*g*r*d + 2*b*q*k*g*r*e",
     "b*q*k*g*r*d + b*q*k*g*r*e", "9*b*q*k*g*r"),
    ("conv", CONV, {}, "2*b*d*y*x*c*i*j", "b*d*y*x*c*i*j", "0"),
    ("conv", CONV, {"keywords": {"bias": "d"}}, "2*b*d*y*x*c*i*j", "b*d*y*x*c*i*j", "b*d*y*x"),
    ("conv", CONV, {"transposed": True}, "2*b*d*h*w*c*i*j", "b*d*h*w*c*i*j", "0"),
    ("conv", "b (g [c]) [s], g d [c] [i] -> b (g d) x", {}, "2*b*g*d*x*c*i", "b*g*d*x*c*i", "0"),
    ("softmax", "a [b] -> a [b]", {}, "0", "0", "8*a*b"),
    ("sum", "a [b] -> a", {}, "0", "0", "a*b"),
    ("max", "a [b] -> a", {}, "0", "0", "a*b"),
    ("var", "a [b] -> a", {}, "0", "0", "4*a*b"),
    ("std", "a [b] -> a", {}, "0", "0", "4*a*b + 4*a"),
    ("logsumexp", "a [b] -> a", {}, "0", "0", "7*a*b + 4*a"),
    ("cumsum", "a [b] -> a [b]", {}, "0", "0", "a*b"),
    ("sort", "a [b] -> a [b]", {}, "0", "0", "0"),
    ("add", "a b, b -> a b", {}, "0", "0", "a*b"),
    ("add", "a b, b, a -> a b", {}, "0", "0", "2*a*b"),
    ("where", "a b, a b, b -> a b", {}, "0", "0", "a*b"),
    ("power", "a, a -> a", {}, "0", "0", "4*a"),
    ("power", "a -> a", {"exponent": 3}, "0", "0", "4*a"),
    ("rearrange", "a (b c) -> c a b", {}, "0", "0", "0"),
    ("rearrange", "a -> a b", {}, "0", "0", "0"),
    ("get_at", "[v] c, t -> t c", {"dtype": "int64"}, "0", "0", "0"),
    ("window", "b [s] -> b p [k]", {}, "0", "0", "0"),
    ("normalise", "b t [c] -> b t [c]", {}, "0", "0", "7*b*t*c"),
    ("normalise", "b t [c] -> b t [c]", {"mean": False}, "0", "0", "3*b*t*c"),
    ("dropout", "a b -> a b", {"drop_rate": 0.1}, "0", "0", "a*b"),
    ("slice", "a b -> c b", {"dims": ()}, "0", "0", "0"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "expression", "options", "contraction", "multiply_adds", "other"), BY_HAND)
def test_an_operation_costs_what_is_counted_by_hand(kind, expression, options, contraction, multiply_adds, other):
    found = counted(kind, expression, **options)
    assert found.contraction == Polynomial.parse(contraction)
    assert found.macs == Polynomial.parse(multiply_adds)
    assert found.other == Polynomial.parse(other)
    assert found.flops == found.contraction + found.other
    assert found.backward == 2 * found.contraction


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_costs_its_flops_for_each_element(name):
    assert counted(name, "a b -> a b").other == FUNCTIONS[name].flops * Polynomial.parse("a*b")


def test_layer_norm_by_hand_costs_as_much_as_normalise():
    by_hand = (
        counted("mean", "a [b] -> a").flops + counted("var", "a [b] -> a").flops
        + counted("subtract", "a b, a -> a b").flops + counted("divide", "a b, a -> a b").flops
    )  # fmt: skip
    assert by_hand == counted("normalise", "a [b] -> a [b]").flops


def test_softmax_by_hand_costs_as_much_as_softmax():
    by_hand = (
        counted("max", "a [b] -> a").flops + counted("subtract", "a b, a -> a b").flops
        + counted("exp", "a b -> a b").flops + counted("sum", "a [b] -> a").flops
        + counted("divide", "a b, a -> a b").flops
    )  # fmt: skip
    assert by_hand == counted("softmax", "a [b] -> a [b]").flops


def test_attention_costs_as_much_as_its_parts():
    making = Making()
    q, k, v = making.input("b q h d"), making.input("b k h d"), making.input("b k h e")
    scores = making.node("dot", "b q h [d], b k h [d] -> b h q k", q, k)
    scores = making.node("multiply", "b h q k, -> b h q k", scores, making.input(""))
    weights = making.node("softmax", "b h q [k] -> b h q [k]", scores)
    parts = making.circuit(making.node("dot", "b h q [k], b [k] h e -> b q h e", weights, v))
    assert cost(parts).total.value().flops == counted("attention", HEADS).flops


def test_what_a_causal_mask_hides_is_told():
    found = counted("attention", HEADS, causal=True)
    assert found.hidden == Polynomial.parse("((2*d + 2*e + 9)*b*h*(q**2 - q))//2")
    assert counted("attention", HEADS).hidden == 0
    square = counted("attention", HEADS, causal=True, sizes={"k": "q"}).value(b=1, h=1, d=4, e=4, q=10)
    assert square.flops - square.hidden == (16 + 9) * 10 * 11 // 2


def test_an_opaque_operation_counts_nothing_and_is_named():
    making = Making()
    x = making.input("a b")
    found = cost(making.circuit(making.node("opaque", "a b -> a b", x, function="torch.fft.fft", arguments=((), {}))))
    assert found.flops == 0
    assert found.unknown == ("torch.fft.fft",)
    assert "torch.fft.fft" in str(found)


def test_axes_of_known_length_stand_as_numbers():
    found = counted("dot", "a [b], [b] c -> a c", sizes={"b": 8, "c": "b//2"})
    assert found.contraction == Polynomial.parse("16*a*(b//2)")
