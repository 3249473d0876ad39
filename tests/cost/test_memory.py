"""Activation memory, kept values and the KV cache of circuits small enough to be counted by hand."""

from cost.making import Making
from wirework.cost import cost
from wirework.polynomial import Polynomial, largest


def size(text):
    return Polynomial.parse(text)


def mlp(activation="gelu"):
    making = Making()
    x, w1, w2 = making.input("b c"), making.parameter("c m"), making.parameter("m c")
    hidden = making.node("dot", "b [c], [c] m -> b m", x, w1)
    hidden = making.node(activation, "b m -> b m", hidden)
    return making.circuit(making.node("dot", "b [m], [m] c -> b c", hidden, w2))


def test_values_are_freed_after_their_last_use():
    found = cost(mlp()).memory
    assert found.inference == largest(size("4*b*c + 8*b*m"), size("8*b*c + 4*b*m"))
    assert found.weights == size("8*c*m")


def test_training_keeps_operands_of_products_and_what_functions_need():
    found = cost(mlp())
    assert [each.formulas.kept for each in found.operations] == [size("0"), size("4*b*m"), size("4*b*m")]
    # all of it, the result with its gradient, and the gradient of the second product's operand
    assert found.memory.training == size("4*b*c + 8*b*m") + size("8*b*c") + size("4*b*m")


def test_relu_keeps_no_more_than_the_product_after_it():
    found = cost(mlp("relu"))
    assert [each.formulas.kept for each in found.operations] == [size("0"), size("0"), size("4*b*m")]


def test_relu_alone_keeps_signs():
    making = Making()
    x, w = making.input("b c"), making.parameter("c")
    product = making.node("multiply", "b c, c -> b c", x, w)
    found = cost(making.circuit(making.node("relu", "b c -> b c", product)))
    assert found.operations[1].formulas.kept == size("b*c")


def test_nothing_is_kept_where_nothing_is_learned():
    making = Making()
    x = making.input("a b")
    found = cost(making.circuit(making.node("softmax", "a [b] -> a [b]", making.node("exp", "a b -> a b", x))))
    assert found.total.kept == 0


def test_attention_keeps_its_operands_its_result_and_the_log_sum_exp():
    making = Making()
    x, w = making.input("b t h d"), making.parameter("d")
    q, k, v = (making.node("multiply", "b t h d, d -> b t h d", x, w) for _ in range(3))
    kinds = ("b q h [d]", "b [k] h [d]", "b [k] h e -> b q h e")
    making.sizes |= {"q": "t", "k": "t", "e": "d"}
    out = making.node("attention", ", ".join(kinds), q, k, v)
    assert cost(making.circuit(out)).operations[-1].figures.kept == size("16*b*d*h*t + 4*b*h*t")


def test_normalise_keeps_its_result_and_a_factor_for_each_row():
    making = Making()
    x, w = making.input("b t c"), making.parameter("c")
    scaled = making.node("multiply", "b t c, c -> b t c", x, w)
    found = cost(making.circuit(making.node("normalise", "b t [c] -> b t [c]", scaled)))
    assert found.operations[-1].figures.kept == size("4*b*t*c + 4*b*t")


def test_views_take_no_memory():
    making = Making()
    x = making.input("b (h c)")
    split = making.node("rearrange", "b (h c) -> h b c", x)
    back = making.node("rearrange", "h b c -> b h c", split)
    assert cost(making.circuit(back)).memory.inference == size("4*b*c*h")


def test_flattening_what_does_not_lie_together_is_a_copy():
    making = Making()
    x = making.input("b h t c")
    heads = making.node("rearrange", "b h t c -> b t (h c)", x)
    assert cost(making.circuit(heads)).memory.inference == size("8*b*c*h*t")


def test_repeats_are_views_until_they_are_flattened():
    making = Making()
    x = making.input("b g c")
    repeated = making.node("rearrange", "b g c -> b g r c", x)
    assert cost(making.circuit(repeated)).memory.inference == size("4*b*c*g")
    heads = making.node("rearrange", "b g r c -> b (g r) c", repeated)
    assert cost(making.circuit(heads)).memory.inference == size("4*b*c*g*r + 4*b*c*g")


def test_parts_of_a_sliced_axis_do_not_lie_together():
    making = Making()
    x = making.input("b t c")
    part = making.node("slice", "b t c -> b s c", x, dims=())
    together = making.node("rearrange", "b s c -> b (s c)", part)
    assert cost(making.circuit(together)).memory.inference == size("4*b*c*t")
    across = making.node("rearrange", "b s c -> (b s) c", part)
    assert cost(making.circuit(across)).memory.inference == size("4*b*c*t + 4*b*c*s")


def test_a_dtype_changes_floating_values_only():
    making = Making()
    tokens, table = making.input("b t", "int64"), making.parameter("v c")
    found = making.circuit(making.node("get_at", "[v] c, b t -> b t c", table, tokens))
    assert cost(found).memory.inference == size("8*b*t + 4*b*c*t")
    assert cost(found, dtype="bfloat16").memory.inference == size("8*b*t + 2*b*c*t")
    assert cost(found, dtype="bfloat16").memory.weights == size("2*c*v")


def decoder(causal, repeats):
    """Self-attention, several heads of queries to each of keys, which may be repeated for it."""
    making = Making(q="t", k="t", e="d", n="g*r")
    x, w = making.input("b t c"), making.parameter("c g d")
    q = making.node("dot", "b t [c], [c] (g r) d -> b t (g r) d", x, making.parameter("c (g r) d"))
    k, v = (making.node("dot", "b t [c], [c] g d -> b t g d", x, w) for _ in range(2))
    if repeats:
        k, v = (making.node("rearrange", "b t g d -> b t (g r) d", value) for value in (k, v))
        expression = "b q n [d], b [k] n [d], b [k] n e -> b q n e"
    else:
        expression = "b q (g r) [d], b [k] g [d], b [k] g e -> b q (g r) e"
    return making.circuit(making.node("attention", expression, q, k, v, causal=causal))


def test_the_cache_holds_keys_and_values_before_they_are_repeated():
    for repeats in (False, True):
        found = cost(decoder(True, repeats)).cache
        assert found.total == size("8*b*t*g*d")
        assert found.per_token == size("8*g*d")


def test_attention_to_all_tokens_has_no_cache():
    assert cost(decoder(False, False)).cache.total == 0
