"""What a block, an operation, an axis and a device cost, how it is shown, and what is refused."""

import json
from dataclasses import FrozenInstanceError

import pytest

import wirework as ww
from cost.making import Making
from wirework.cost import DEVICES, Device, device, measured
from wirework.cost.table import rows, seconds_text, with_unit
from wirework.polynomial import Polynomial


def size(text):
    return Polynomial.parse(text)


def two_layers(shared=False):
    """Two layers with a residual connection, in blocks of a class of their own."""
    making = Making(d=8, m=32)
    x = making.input("b t d")
    titles = {("layers",): "ModuleList"}
    weight = making.parameter("d m")
    for number in range(2):
        path = ("layers", str(number))
        titles |= {path: "Layer", (*path, "mlp"): "MLP"}
        making.block = (*path, "mlp")
        up = weight if shared or number == 0 else making.parameter("d m")
        y = making.node("dot", "b t [d], [d] m -> b t m", x, up)
        y = making.node("relu", "b t m -> b t m", y)
        y = making.node("dot", "b t [m], [m] d -> b t d", y, making.parameter("m d"))
        making.block = path
        x = making.node("add", "b t d, b t d -> b t d", x, y)
    return making.circuit(x, name="Two", blocks=titles)


# -- parts ------------------------------------------------------------------------------------------------------


def test_a_block_can_be_asked_for():
    found = two_layers().cost()
    assert found.by_block("layers").flops == found.flops
    assert found.by_block("layers.1").flops * 2 == found.flops
    assert found.by_block("layers.0.mlp").flops == size("1024*b*t + 32*b*t")
    with pytest.raises(ww.errors.SemanticError, match=r"Two has no block 'layers.2' \(did you mean layers"):
        found.by_block("layers.2")


def test_an_operation_can_be_asked_for():
    found = two_layers().cost()
    assert found.by_operation("relu").flops == size("64*b*t")
    with pytest.raises(ww.errors.SemanticError, match=r"Two has no operation 'rellu' \(did you mean relu\?\)"):
        found.by_operation("rellu")


def test_an_axis_can_be_asked_for():
    making = Making(k="t")
    q, k = making.input("b t c"), making.input("b k c")
    scores = making.node("dot", "b t [c], b k [c] -> b t k", q, k)
    found = making.circuit(making.node("exp", "b t k -> b t k", scores)).cost()
    assert found.by_axis("c").flops == size("2*b*c*t**2")
    assert found.by_axis("k").flops == found.by_axis("t").flops == found.flops
    assert found.by_axis("c").moved == size("8*b*c*t")
    with pytest.raises(ww.errors.SemanticError, match="made has no axis 'z'"):
        found.by_axis("z")


def test_parts_of_known_axes_too():
    assert two_layers().cost().by_axis("m").flops == size("2112*b*t")


def test_blocks_that_cost_the_same_are_told_once():
    (layers,) = two_layers().cost().blocks.blocks
    assert [(block.name, block.title, block.count) for block in layers.blocks] == [("0-1", "Layer", 2)]
    assert layers.blocks[0].figures == layers.figures


def test_shared_parameters_count_once():
    assert two_layers().cost().parameters == 4 * 8 * 32
    shared = two_layers(shared=True).cost()
    assert shared.parameters == 3 * 8 * 32
    assert [shared.by_block(f"layers.{i}").parameters for i in range(2)] == [2 * 8 * 32, 8 * 32]
    assert [block.count for block in shared.blocks.blocks[0].blocks] == [1, 1]


def test_the_whole_is_the_sum_of_its_parts():
    found = two_layers().cost(b=3, t=5)
    assert sum(int(each.figures.flops) for each in found.operations) == found.flops == found.blocks.figures.flops


# -- sizes --------------------------------------------------------------------------------------------------------


def test_sizes_are_put_in():
    circuit = two_layers()
    formula = circuit.cost()
    assert formula.flops == size("2128*b*t")
    assert formula.value(b=2).flops == circuit.cost(b=2).flops == size("4256*t")
    assert circuit.cost(b=2, t=10).flops == 42560
    assert formula.value(b=2).value(t=10) == circuit.cost(b=2, t=10)


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ({"bb": 1}, ww.errors.SemanticError, r"Two has no axis 'bb' \(did you mean b\?\)"),
        ({"x": 1}, ww.errors.SemanticError, r"Two has no axis 'x': choose from b, t"),
        ({"d": 4}, ww.errors.SemanticError, "d is 8 in Two: it cannot be chosen"),
        ({"b": -1}, ww.errors.AxisSizeError, "b must be a whole number from 0 on, not -1"),
        ({"b": 1.5}, ww.errors.AxisSizeError, "b must be a whole number from 0 on, not 1.5"),
        ({"b": True}, ww.errors.AxisSizeError, "b must be a whole number from 0 on, not True"),
    ],
)
def test_wrong_sizes_are_refused(sizes, error, message):
    with pytest.raises(error, match=message):
        two_layers().cost(**sizes)


def test_a_wrong_dtype_is_refused():
    with pytest.raises(ww.errors.SemanticError, match=r"'bfloat61' is no floating dtype \(did you mean bfloat16\?\)"):
        two_layers().cost(dtype="bfloat61")


def test_a_cost_is_frozen_and_sizes_may_be_0():
    found = two_layers().cost(b=0, t=4)
    assert found.flops == 0
    assert "Two" in str(found)
    with pytest.raises(FrozenInstanceError):
        found.sizes = {}


# -- devices ------------------------------------------------------------------------------------------------------


def test_the_roofline_is_the_longer_of_computing_and_moving():
    making = Making()
    x, w = making.input("a b"), making.parameter("b c")
    found = making.circuit(making.node("dot", "a [b], [b] c -> a c", x, w)).cost(a=100, b=100, c=100)
    slow_memory = found.roofline(Device("mine", {"float32": 1e12}, bandwidth=1e9))
    assert slow_memory.seconds == 120_000 / 1e9
    assert slow_memory.bound == "memory"
    slow_processor = found.roofline(Device("mine", {"float32": 1e6}, bandwidth=1e9))
    assert slow_processor.seconds == 2_000_000 / 1e6
    assert slow_processor.bound == "compute"
    assert slow_processor.ridge == 1e-3


def test_devices_are_found_by_name():
    assert device("H100") is DEVICES["h100"]
    with pytest.raises(ww.errors.SemanticError, match=r"there is no device 'h1000' \(did you mean h100\?\)"):
        device("h1000")
    with pytest.raises(ww.errors.SemanticError, match="V100 SXM2 has no peak for bfloat16"):
        two_layers().cost(b=1, t=1).roofline("v100", "bfloat16")
    with pytest.raises(ww.errors.AxisSizeError, match="b and t must be known: give b="):
        two_layers().cost().roofline("h100")


def test_this_machine_can_be_measured():
    found = measured(side=64, length=2**12, repeats=2)
    assert min(*found.peaks.values(), found.bandwidth) > 0
    assert two_layers().cost(b=2, t=4).roofline(found).seconds > 0


@pytest.mark.parametrize("name", DEVICES)
def test_published_figures_are_plausible(name):
    found = DEVICES[name]
    assert 1e11 < found.bandwidth < 1e13
    assert found.peaks["float32"] <= found.peaks["float16"]
    assert 1e10 <= found.memory < 1e12


# -- showing ------------------------------------------------------------------------------------------------------

TABLE = """\
Two  b=2  t=10  float32

block               parameters    FLOPs     MACs    moved  share
Two                       1.0k    42.6k    20.5k   31.0kB 100.0%
  layers ModuleList       1.0k    42.6k    20.5k   31.0kB 100.0%
    0-1 Layer ×2          1.0k    42.6k    20.5k   31.0kB 100.0%
      mlp MLP ×2          1.0k    42.2k    20.5k   27.1kB  99.2%
      [add] ×2               0      320        0    3.8kB   0.8%

FLOPs               42,560 = 2128*b*t
  contraction       40,960 = 2048*b*t
  other             1,600 = 80*b*t
multiply-adds       20,480 = 1024*b*t
parameters          1,024 numbers, 4.1kB with buffers
activations         6.4kB at most at once, 6.4kB as Python frees
moved               31.0kB unfused, 18.2kB fused
intensity           1.37 FLOPs per byte unfused, 2.34 fused
tiled, at least     40960/sqrt(M) + 1600 values to and from a fast memory of M
                    values"""


def test_the_table_in_full():
    assert two_layers().cost(b=2, t=10).table() == TABLE


def test_formulas_stand_in_the_table_where_sizes_are_missing():
    text = str(two_layers().cost(b=2))
    assert "4256*t FLOPs" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_depth_and_width_of_the_table():
    found = two_layers().cost(b=2, t=10)
    assert [row.depth for row in rows(found, 1)] == [0, 1]
    assert all(len(line) <= 60 for line in found.table(width=60).splitlines())


def test_html_has_each_block_and_its_formula():
    text = two_layers().cost(b=2, t=10)._repr_html_()
    assert text.count("<details") == text.count("</details>") == 4
    assert "2*b*d*m*t" in text
    assert "b t [d], [d] m -&gt; b t m" in text


def test_json_has_numbers_or_formulas():
    found = two_layers().cost(b=2, t=10)
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["flops"] == 42560
    assert plain["formulas"]["flops"] == "2128*b*t"
    assert plain["sizes"] == {"b": 2, "t": 10}
    assert plain["blocks"]["blocks"][0]["blocks"][0]["count"] == 2
    assert two_layers().cost().to_json()["flops"] == "2128*b*t"


def test_the_plot_shows_each_operation():
    pytest.importorskip("matplotlib")
    figure = two_layers().cost(b=2, t=10).plot("a100")
    assert "NVIDIA A100" in figure.axes[0].get_title()
    points = sum(len(each.get_offsets()) for each in figure.axes[0].collections)
    assert points == len(two_layers().cost(b=2, t=10).groups)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1000, "1.0k"), (999_960, "1.0M"), (1.5e12, "1.5T")]
)
def test_numbers_have_units(number, text):
    assert with_unit(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.5, "1.5 s"), (2e-3, "2 ms"), (3.25e-6, "3.25 µs"), (4e-9, "4 ns"), (0, "0 ns")]
)
def test_times_have_units(seconds, text):
    assert seconds_text(seconds) == text
