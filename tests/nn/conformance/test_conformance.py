"""The layers of every framework give the numbers, the names and the errors that those of torch give."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from nn.conformance.cases import CASES, INFERRED, MISTAKES, Case
from nn.conformance.drivers import DRIVERS, Driver, Torch
from wirework.nn.convert import convert

TOLERANCE = 1e-5
OTHERS = [each for each in DRIVERS if each is not Torch]

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_driver = pytest.mark.parametrize("driver", DRIVERS, indirect=True, ids=lambda kind: kind.name)
other_drivers = pytest.mark.parametrize("driver", OTHERS, indirect=True, ids=lambda kind: kind.name)


@cache
def made(kind: type[Driver]) -> Driver:
    return kind()


@pytest.fixture
def driver(request) -> Driver:
    try:
        return made(request.param)
    except ImportError as error:
        pytest.skip(str(error))


def module_of(driver: Driver, case: Case) -> Any:
    return driver.whole(case.make(driver.build), case.arrays(), **dict(case.options))


@cache
def reference(case: Case) -> tuple[Any, dict[str, np.ndarray]]:
    """The case's layer of torch, and arrays for it that are not those that it starts with."""
    torch = made(Torch)
    generator = np.random.default_rng(1)
    arrays = {
        name: (array + 0.3 * np.abs(generator.standard_normal(array.shape))).astype(np.float32)
        for name, array in torch.arrays(case.make(torch.build)).items()
    }
    return torch.filled(case.make(torch.build), arrays), arrays


def assert_close(actual: Any, expected: Any, tolerance: float = TOLERANCE) -> None:
    """Alike to `tolerance` of the largest element, if that is above 1."""
    assert actual.shape == expected.shape
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)


def assert_all_close(actual: Any, expected: Any) -> None:
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert_close(one, other)


def assert_same_arrays(actual: Any, expected: Any, tolerance: float = TOLERANCE) -> None:
    assert set(actual) == set(expected)
    for name, array in expected.items():
        assert_close(actual[name], array, tolerance)


@every_case
@other_drivers
def test_the_parameters_have_the_same_names_and_shapes(driver, case):
    shapes = {name: array.shape for name, array in driver.arrays(module_of(driver, case)).items()}
    assert shapes == {name: array.shape for name, array in reference(case)[1].items()}


@every_case
@other_drivers
def test_the_same_weights_give_the_same_outputs_and_gradients(driver, case):
    _, arrays = reference(case)
    torch, options = made(Torch), dict(case.options)
    fresh, module = torch.filled(case.make(torch.build), arrays), driver.filled(case.make(driver.build), arrays)
    expected, _ = torch.run(fresh, case.arrays(), case.training, **options)
    actual, _ = driver.run(module, case.arrays(), case.training, **options)
    assert_all_close(actual, expected)

    fresh, module = torch.filled(fresh, arrays), driver.filled(case.make(driver.build), arrays)
    gradients = driver.gradients(module, case.arrays(), case.training, **options)
    assert_same_arrays(gradients, torch.gradients(fresh, case.arrays(), case.training, **options))


@every_case
@pytest.mark.parametrize(
    "driver", [each for each in OTHERS if each.compiles], indirect=True, ids=lambda kind: kind.name
)
def test_compiled_and_eager_calls_agree(driver, case):
    options = dict(case.options)
    module = driver.filled(case.make(driver.build), reference(case)[1])
    expected, module = driver.run(module, case.arrays(), **options)
    assert_all_close(driver.jitted(module, case.arrays(), **options), expected)


@every_case
@every_driver
def test_a_saved_layer_is_the_same_when_loaded(driver, case, tmp_path):
    module, other = driver.filled(case.make(driver.build), reference(case)[1]), module_of(driver, case)
    assert_same_arrays(driver.arrays(driver.reloaded(module, other, tmp_path)), driver.arrays(module), 0)


@every_case
@other_drivers
def test_a_converted_layer_is_the_same_there_and_back(driver, case):
    torch, options = made(Torch), dict(case.options)
    layer, arrays = reference(case)
    there = convert(layer, to=driver.name)
    expected, _ = torch.run(layer, case.arrays(), **options)
    actual, there = driver.run(there, case.arrays(), **options)
    assert_all_close(actual, expected)
    back = convert(there, to="torch")
    assert_same_arrays(torch.arrays(back), arrays, 0)
    assert_all_close(torch.run(back, case.arrays(), **options)[0], expected)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
@other_drivers
def test_what_is_wrong_is_refused_in_the_same_words(driver, mistake):
    def refusal(driver: Driver) -> str:
        with pytest.raises(mistake.error) as caught:
            inputs = [np.zeros(mistake.call, np.float32)]
            driver.run(driver.whole(mistake.make(driver.build), inputs), inputs)
        return str(caught.value)

    expected = refusal(made(Torch))
    assert expected.splitlines()[0] in refusal(driver)


@pytest.mark.parametrize("name", INFERRED)
@every_driver
def test_given_and_inferred_sizes_give_the_same_numbers(driver, name):
    kind, args, options, sizes, shape = INFERRED[name]
    eager = driver.whole(driver.build(kind, *args, **options, **sizes, seed=3), [np.zeros(shape, np.float32)], 3)
    later = driver.inferred(kind, *args, **options, shape=shape, seed=3)
    found = driver.arrays(eager)
    assert_same_arrays({name: array for name, array in driver.arrays(later).items() if "running" not in name},
                       {name: array for name, array in found.items() if "running" not in name}, 0)  # fmt: skip


@pytest.mark.parametrize("name", INFERRED)
@every_driver
def test_another_seed_gives_other_numbers(driver, name):
    kind, args, options, sizes, shape = INFERRED[name]
    make, inputs = partial(driver.build, kind, *args, **options, **sizes), [np.zeros(shape, np.float32)]
    one, other = (driver.arrays(driver.whole(make(seed=seed), inputs, seed)) for seed in (3, 4))
    assert all(one[name].std() == 0 or not np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("expression", "alike"), [("[...]", ()), ("[b] t [c]", (1,)), ("[b] ...", (1, 2))])
@every_driver
def test_dropout_keeps_the_mean_and_drops_at_its_rate(driver, expression, alike):
    x = np.ones((64, 32, 48), np.float32)
    module = driver.whole(driver.build("Dropout", expression, 0.25), [x])
    (dropped,), module = driver.run(module, [x], training=True, seed=5)
    values = np.unique(dropped)
    np.testing.assert_allclose(values, [0, 4 / 3], rtol=1e-6)
    for axis in alike:
        assert (dropped == dropped.take([0], axis)).all()
    masks = np.prod([size for axis, size in enumerate(x.shape) if axis not in alike])
    spread = 5 * np.sqrt(0.25 * 0.75 / masks)  # five standard deviations
    assert abs((dropped == 0).mean() - 0.25) < spread
    assert abs(dropped.mean() - 1) < spread / 0.75
    assert not np.array_equal(driver.run(module, [x], training=True, seed=6)[0][0], dropped)
    np.testing.assert_array_equal(driver.run(module, [x])[0][0], x)


@every_driver
def test_attention_drops_weights_in_training_only(driver):
    x = np.random.default_rng(0).standard_normal((2, 5, 8)).astype(np.float32)
    module = driver.whole(driver.build("Attention", 2, 8, dropout=0.5), [x])
    (calm,), module = driver.run(module, [x])
    (dropped,), module = driver.run(module, [x], training=True, seed=1)
    (other,), module = driver.run(module, [x], training=True, seed=2)
    assert np.abs(dropped - calm).max() > 1e-3 and np.abs(dropped - other).max() > 1e-3
    np.testing.assert_array_equal(driver.run(module, [x])[0][0], calm)


@every_driver
def test_running_statistics_move_as_those_of_the_frameworks_own_batch_norm(driver):
    batches = np.random.default_rng(0).standard_normal((3, 4, 5, 6)).astype(np.float32) * 2 + 1
    module = driver.whole(driver.build("Norm", "[b...] c", c=6, decay_rate=0.9), [batches[0]])
    for batch in batches:
        _, module = driver.run(module, [batch], training=True)
    mean, var = driver.own_statistics(batches, 0.9)
    found = driver.arrays(module)
    assert_close(found["running_mean"], mean)
    assert_close(found["running_var"], var)
    (normed,), _ = driver.run(module, [batches[0]])
    assert_close(normed, (batches[0] - mean) / np.sqrt(var + 1e-5))
