"""A circuit is read as a picture: what a careful person would draw of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit.making import Maker, attention, layers
from diagram.checking import check, nodes_in
from wirework.diagram.picture import plain
from wirework.diagram.reading import picture
from wirework.errors import SemanticError


def kinds(panel):
    """The kinds of what is drawn, those inside open blocks in brackets."""
    return " ".join(each.kind + (f"[{kinds(each.panel)}]" if each.panel else "") for each in panel.items)


def names(drawn, bundle):
    return " ".join(plain(drawn.wires[wire].label) for wire in bundle.wires)


def draw(circuit, **options):
    drawn = picture(circuit, **options)
    check(drawn, circuit)
    return drawn


def scaled(kind="multiply", value=0.125, k=64):
    make = Maker("attention", k=k)
    q, k, v = make.input("y k", "q"), make.input("x k", "k"), make.input("x k", "v")
    scores = make.node("dot", "y [k], x [k] -> y x", [q, k])
    number = make.node("constant", "->", [], "", value=value)
    scores = make.node(kind, "y x,  -> y x", [scores, number])
    weights = make.node("softmax", "y [x] -> y [x]", [scores])
    return make.circuit(make.node("dot", "y [x], [x] k -> y k", [weights, v]))


def test_scaled_attention():
    drawn = draw(scaled())
    scores, softmax, values = drawn.panel.items
    assert kinds(drawn.panel) == "dot softmax dot"
    assert plain(scores.note) == "∗ k^−1/2"
    assert [names(drawn, bundle) for bundle in drawn.panel.inputs] == ["y k", "x k", "x k"]
    assert [bundle.name for bundle in drawn.panel.inputs] == ["Q", "K", "V"]
    assert (len(scores.pairs), len(values.pairs)) == (1, 1)
    assert scores.passing == softmax.passing + softmax.acts
    assert [plain(line) for line in drawn.legend] == ["k = 64"]


@pytest.mark.parametrize(
    ("kind", "value", "note"),
    [
        ("multiply", "k**-0.5", "∗ k^−1/2"), ("divide", "k**0.5", "∗ k^−1/2"), ("multiply", "2.0*k**-0.5", "∗ 2 k^−1/2"),
        ("divide", "k", "∗ k^−1"), ("multiply", "k**1.0", "∗ k"), ("multiply", "(k*x)**-0.25", "∗ (k x)^−1/4"),
    ],
)  # fmt: skip
def test_scales_that_follow_a_length(kind, value, note):
    drawn = draw(scaled(kind, value, "k"))
    assert kinds(drawn.panel) == "dot softmax dot"
    assert plain(drawn.panel.items[0].note) == note


def test_a_learned_map_is_a_plate_with_its_bias():
    make = Maker("linear", c=8, d=4)
    x = make.input("b c", "x")
    weight, bias = make.parameter("d c", "query.weight"), make.parameter("d", "query.bias")
    y = make.node("dot", "b [c], d [c] -> b d", [x, weight])
    drawn = draw(make.circuit(make.node("add", "b d, d -> b d", [y, bias])))
    (plate,) = drawn.panel.items
    assert (plate.kind, plate.biased, plain(plate.text), plate.nodes) == ("linear", True, "Q", (0, 1))


def test_a_residual_is_a_copy_and_a_sum_whose_skip_is_below():
    make = Maker("residual")
    x = make.input("b c", "x")
    drawn = draw(make.circuit(make.node("add", "b c, b c -> b c", [x, make.node("gelu", "b c -> b c", [x])])))
    copy, lane, total = drawn.panel.items
    assert (copy.kind, lane.kind, total.kind, plain(total.text)) == ("copy", "lane", "sum", "+")
    assert lane.inputs[0] == copy.outputs[0]
    assert total.inputs == (lane.outputs[0], copy.outputs[1])
    assert total.outputs[0].wires == drawn.panel.inputs[0].wires


def test_a_norm_has_its_weights():
    make = Maker("norm")
    x, weight, bias = make.input("b c", "x"), make.parameter("c", "weight"), make.parameter("c", "bias")
    y = make.node("normalise", "b [c] -> b c", [x], epsilon=1e-5)
    y = make.node("multiply", "b c, c -> b c", [y, weight])
    drawn = draw(make.circuit(make.node("add", "b c, c -> b c", [y, bias])))
    (norm,) = drawn.panel.items
    assert (norm.kind, len(norm.acts), norm.nodes) == ("norm", 1, (0, 1, 2))


def test_of_a_batch_norm_the_circle_is_on_the_channels_and_the_batch_curves_into_it():
    make = Maker("norm")
    x, mean, scale = make.input("b c h w", "x"), make.buffer("c", "n.running_mean"), make.parameter("c", "n.weight")
    y = make.node("subtract", "b c h w, c -> b c h w", [x, mean])
    drawn = draw(make.circuit(make.node("multiply", "b c h w, c -> b c h w", [y, scale])))
    (norm,) = drawn.panel.items
    assert [plain(drawn.wires[wire].label) for wire in norm.acts] == ["b", "c"]
    assert norm.centre == norm.acts[1]


def test_axes_of_space_are_one_double_wire():
    make = Maker("conv", p=3, q=3)
    x, weight = make.input("b c h w", "x"), make.parameter("d c p q", "weight")
    y = make.node("conv", "b [c] [h] [w], d [c] [p] [q] -> b d h w", [x, weight], padding=1)
    drawn = draw(make.circuit(make.node("relu", "b d h w -> b d h w", [y])))
    conv, lane = drawn.panel.items
    assert (conv.kind, plain(conv.text), lane.kind, plain(lane.text)) == ("conv", "3", "lane", "R")
    assert names(drawn, drawn.panel.inputs[0]) == "b c hw"
    assert [drawn.wires[wire].axes for wire in drawn.panel.outputs[0].wires] == [("b",), ("d",), ("h", "w")]


def test_axes_that_are_flattened_for_good_end_in_a_bar():
    make = Maker("digits", h=28, w=28, d=10)
    x, weight = make.input("b h w", "x"), make.parameter("d (h w)", "weight")
    y = make.node("rearrange", "b h w -> b (h w)", [x])
    drawn = draw(make.circuit(make.node("dot", "b ([h w]), d ([h w]) -> b d", [y, weight])), labels="size")
    assert kinds(drawn.panel) == "bar linear"
    assert names(drawn, drawn.panel.items[0].outputs[0]) == "b 28^2"


def test_axes_that_are_split_again_pass():
    make = Maker("round")
    x = make.input("b t c", "x")
    y = make.node("gelu", "(b t) c -> (b t) c", [make.node("rearrange", "b t c -> (b t) c", [x])])
    drawn = draw(make.circuit(make.node("rearrange", "(b t) c -> b t c", [y])))
    assert kinds(drawn.panel) == "lane"


def test_a_transposed_input_crosses_its_wires():
    make = Maker("transpose")
    drawn = draw(make.circuit(make.node("rearrange", "a b -> b a", [make.input("a b", "x")])))
    assert drawn.panel.outputs[0].wires == drawn.panel.inputs[0].wires[::-1]


def test_an_unknown_operation_is_a_named_box_over_all_wires():
    make = Maker("unknown")
    x = make.input("b c", "x")
    drawn = draw(make.circuit(make.node("opaque", "b c -> b d", [x], "b d", function="torch.nn.functional.what")))
    (box,) = drawn.panel.items
    assert (box.kind, plain(box.text), len(box.acts), len(box.gives)) == ("function", "what", 2, 2)


def test_what_nobody_uses_ends():
    make = Maker("unused")
    x, y = make.input("b c", "x"), make.input("d", "y")
    drawn = draw(make.circuit(make.node("sum", "b [c] -> b", [x])))
    assert kinds(drawn.panel) == "end reduce"
    assert drawn.panel.items[0].inputs[0].value == y


def test_blocks_open_to_a_depth_and_are_counted():
    circuit = layers(3)
    assert kinds(draw(circuit, depth=0).panel) == "block"
    (block,) = draw(circuit, depth=1).panel.items
    assert (block.kind, block.count, block.panel, plain(block.text)) == ("block", 3, None, "Layer")
    (block,) = draw(circuit, depth=2).panel.items
    assert block.panel is not None
    assert nodes_in(block.panel) < set(block.nodes) == set(range(len(circuit.nodes)))


def test_blocks_open_by_path():
    circuit = layers(3)
    (block,) = draw(circuit, opened=[("blocks", "0")]).panel.items
    assert block.panel is not None
    (block,) = draw(circuit, opened=[]).panel.items
    assert block.panel is None


@pytest.mark.parametrize("options", [{"depth": -1}, {"hide": ["nope"]}, {"opened": [("a", "b", "c")]}, {"labels": "x"}])
def test_what_there_is_not_is_refused(options):
    with pytest.raises(SemanticError):
        picture(layers(2), **options)


def test_hidden_axes_are_nowhere():
    drawn = draw(attention(), hide=["b"])
    assert all("b" not in wire.axes for wire in drawn.wires.values())


@given(
    st.lists(st.sampled_from(["gelu", "softmax", "sum", "add", "swap", "linear", "skip"]), max_size=8),
    st.sampled_from(["name", "size", "both"]),
)
def test_any_chain_accounts_for_every_wire(chosen, labels):
    make = Maker("chain", c=4, d=4)
    axes, seen = ["a", "b", "c"], []
    x = make.input("a b c", "x")
    for index, kind in enumerate(chosen):
        text, last = " ".join(axes), axes[-1] if axes else ""
        seen.append((text, x))
        if kind == "gelu":
            x = make.node("gelu", f"{text} -> {text}", [x])
        elif kind == "softmax" and last:
            marked = " ".join([*axes[:-1], f"[{last}]"])
            x = make.node("softmax", f"{marked} -> {marked}", [x], text)
        elif kind == "sum" and last:
            x = make.node("sum", f"{' '.join([*axes[:-1], f'[{last}]'])} -> {' '.join(axes[:-1])}", [x])
            axes.pop()
        elif kind == "add":
            x = make.node("add", f"{text}, {text} -> {text}", [x, x])
        elif kind == "swap" and len(axes) > 1:
            axes.reverse()
            x = make.node("rearrange", f"{text} -> {' '.join(axes)}", [x])
        elif kind == "linear" and last == "c":
            weight = make.parameter("d c", f"layers.{index}.weight")
            x = make.node(
                "dot", f"{' '.join([*axes[:-1], '[c]'])}, d [c] -> {' '.join([*axes[:-1], 'd'])}", [x, weight]
            )
            axes[-1] = "d"
        elif kind == "skip":
            before = [value for old, value in seen if old == text]
            x = make.node("add", f"{text}, {text} -> {text}", [x, before[0]])
    circuit = make.circuit(x)
    drawn = draw(circuit, labels=labels)
    assert drawn == picture(circuit, labels=labels)


def test_axes_that_are_read_across_each_other_meet_in_a_bar():
    make = Maker("regroup", a=8, b=7, c=28, d=2)
    x = make.input("(a b)", "x")
    drawn = draw(make.circuit(make.node("rearrange", "(c d) -> d c", [x])))
    assert kinds(drawn.panel) == "bar"
    assert names(drawn, drawn.panel.outputs[0]) == "d c"


def stepping(axes, result):
    """A convolution with a stride over an array of these axes."""
    make = Maker("conv", c=4, d=8, h=32, w=32, h2=16, w2=16, p=3, q=3)
    x, weight = make.input(axes.replace("[", "").replace("]", ""), "x"), make.parameter("d c p q", "weight")
    return make.circuit(make.node("conv", f"{axes}, d [c] [p] [q] -> {result}", [x, weight], stride=2, padding=1))


def test_a_convolution_that_steps_is_a_window_and_a_learned_map_without_crossings():
    drawn = draw(stepping("b [c] [h] [w]", "b d h2 w2"))
    window, plate = drawn.panel.items
    assert names(drawn, window.outputs[0]) == "b c 3^2 hw/2"
    assert window.centre == window.gives[1] and plate.acts == (window.outputs[0].wires[1], window.gives[0])
    drawn = draw(stepping("b [h] [w] [c]", "b h2 w2 d"))
    window, plate = drawn.panel.items
    assert names(drawn, window.outputs[0]) == "b hw/2 3^2 c"
    assert window.centre == window.gives[0] and plate.acts == (window.gives[1], window.outputs[0].wires[3])


def test_the_legend_lists_only_what_others_are_divided_from():
    circuit = stepping("b [c] [h] [w]", "b d h2 w2")
    assert [plain(line) for line in draw(circuit).legend] == ["c = 4", "hw = 32^2", "d = 8"]
    drawn = draw(circuit, labels="both")
    assert names(drawn, drawn.panel.outputs[0]).endswith("hw/2 = 16^2")
    drawn = draw(circuit, labels="size")
    assert names(drawn, drawn.panel.outputs[0]).endswith("16^2")


def test_a_convolution_says_its_groups():
    make = Maker("conv", g=4, c=2, p=3, q=3)
    x, weight = make.input("b g c h w", "x"), make.parameter("g d c p q", "weight")
    y = make.node("conv", "b g [c] [h] [w], g d [c] [p] [q] -> b g d h w", [x, weight], padding=2, dilation=2)
    (conv,) = draw(make.circuit(y)).panel.items
    assert plain(conv.note) == "dilation 2, groups 4"


def test_a_function_that_is_known_to_act_on_space_leaves_the_other_axes_alone():
    make = Maker("up", h=4, w=4, h2=8, w2=8)
    x = make.input("b c h w", "input0")
    y = make.node("opaque", "b c h w -> b c h2 w2", [x], function="torch.nn.functional.interpolate")
    drawn = draw(make.circuit(y))
    (box,) = drawn.panel.items
    assert [plain(drawn.wires[wire].label) for wire in (*box.acts, *box.gives)] == ["h", "w", "h_2", "w_2"]
    assert box.passing == drawn.panel.inputs[0].wires[:2]
    assert drawn.panel.inputs[0].name == ""  # what it is called only by its place


def test_a_learned_map_is_called_by_a_capital():
    make = Maker("maps")
    x, first, second = make.input("b c", "x"), make.parameter("d c", "m.F"), make.parameter("e d", "m.W")
    y = make.node("dot", "b [d], e [d] -> b e", [make.node("dot", "b [c], d [c] -> b d", [x, first]), second])
    assert [plain(item.text) for item in draw(make.circuit(y)).panel.items] == ["F", ""]


def test_a_block_of_two_operations_has_no_fence():
    def circuit(count):
        make = Maker("small")
        y = make.input("b c", "x")
        for index in range(count):
            y = make.node(
                ("tanh", "exp", "softmax")[index],
                "b c -> b c" if index < 2 else "b [c] -> b [c]",
                [y],
                "b c",
                block="m",
            )
        return make.circuit(make.node("softmax", "[b] c -> [b] c", [y], "b c"), blocks={"m": "Part"})

    assert kinds(draw(circuit(2), depth=1).panel) == "lane lane softmax"
    assert kinds(draw(circuit(2), depth=0).panel) == "block"
    assert kinds(draw(circuit(3), depth=1).panel) == "block softmax"


def written_out(kind):
    """A norm in single operations."""
    make = Maker("norm")
    x, weight = make.input("b t c", "x"), make.parameter("c", "weight")

    def mean(value):
        return make.node("mean", "b t [c] -> b t", [value])

    def square(value, axes="b t c"):
        return make.node("square", f"{axes} -> {axes}", [value])

    def less(one, other, axes="b t c"):
        return make.node("subtract", f"{axes}, b t -> {axes}", [one, other])

    center = x if kind == "rms" else mean(x)
    centred = x if kind == "rms" else less(x, center)
    if kind == "moments":
        variance = less(mean(square(x)), square(center, "b t"), "b t")
        variance = make.node("maximum", ", b t -> b t", [make.node("constant", "->", [], "", value=0.0), variance])
    elif kind == "var":
        variance = make.node("var", "b t [c] -> b t", [x])
    else:
        variance = mean(square(centred))
    number = make.node("constant", "->", [], "", value=1e-6)
    total = make.node("add", "b t,  -> b t", [variance, number])
    if kind == "var":
        root = make.node("sqrt", "b t -> b t", [total])
        return make.circuit(make.node("divide", "b t c, b t -> b t c", [centred, root]))
    root = make.node("rsqrt", "b t -> b t", [total])
    factor = make.node("multiply", "b t, c -> b t c", [root, weight])
    return make.circuit(make.node("multiply", "b t c, b t c -> b t c", [centred, factor]))


@pytest.mark.parametrize(("kind", "note"), [("rms", "rms"), ("squares", ""), ("moments", ""), ("var", "")])
def test_a_norm_that_is_written_out_is_one_circle(kind, note):
    drawn = draw(written_out(kind))
    (norm,) = drawn.panel.items
    assert (norm.kind, plain(norm.note)) == ("norm", note)
    assert [plain(drawn.wires[wire].label) for wire in norm.acts] == ["c"]


def test_what_only_looks_like_a_norm_is_drawn_as_it_is():
    make = Maker("no norm")
    x, y = make.input("b c", "x"), make.input("b c", "y")
    mean = make.node("mean", "b [c] -> b", [make.node("square", "b c -> b c", [y])])
    root = make.node("rsqrt", "b -> b", [mean])
    drawn = draw(make.circuit(make.node("multiply", "b c, b -> b c", [x, root])))
    assert "norm" not in kinds(drawn.panel)


def test_single_numbers_are_copied():
    make = Maker("numbers")
    x = make.input("a", "x")
    total = make.node("sum", "[a] ->", [x], "")
    both = make.node("add", ", ->", [make.node("exp", "->", [total], ""), make.node("sin", "->", [total], "")], "")
    circuit = make.circuit(make.node("multiply", ", ->", [both, total], ""))
    assert kinds(draw(circuit).panel).split().count("copy") == 1
    draw(circuit, hide=["a"])


def test_an_axis_keeps_its_name_unless_another_one_has_it():
    make = Maker("names", k=8, e=8)
    x, y = make.input("b c", "x"), make.input("c k", "y")
    drawn = draw(make.circuit(make.node("dot", "b [c], [c] e -> b e", [x, y])))
    assert names(drawn, drawn.panel.outputs[0]) == "b k"
    make = Maker("names", t2="t")
    x, y = make.input("t c", "x"), make.input("t c", "y")
    drawn = draw(make.circuit(make.node("dot", "t [c], t2 [c] -> t t2", [x, y])))
    assert names(drawn, drawn.panel.outputs[0]) == "t t_2"


def test_axes_that_are_split_and_flattened_again_have_their_name_where_they_meet_it():
    make = Maker("windows", h=56, s=8, w=7)
    x = make.input("b h", "x")
    parts = make.node("rearrange", "b (s w) -> b w s", [x])
    whole = make.node("rearrange", "b w s -> b (s w)", [make.node("softmax", "b [w] s -> b [w] s", [parts], "b w s")])
    drawn = draw(make.circuit(make.node("add", "b (s w), b (s w) -> b (s w)", [x, whole])))
    assert names(drawn, drawn.panel.outputs[0]) == "b h"
    assert "sw" not in [plain(wire.label) for wire in drawn.wires.values()]
