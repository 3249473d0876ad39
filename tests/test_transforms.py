"""What frameworks do to functions - compile, export, differentiate, map, trace - works through every operation."""

import concurrent.futures
import contextlib
import pickle
import threading
import traceback
import warnings

import jax
import numpy as np
import pytest
import torch
import torch.utils.checkpoint
from torch import nn

import wirework as ww
from wirework import program
from wirework.errors import WireworkError

FAMILY_CALLS = {
    "rearrange": lambda x: ww.rearrange("b t (h c) -> b h (t c)", x, h=2),
    "concat": lambda x: ww.rearrange("b t c, b u c -> b (t + u) c", x, x),
    "split": lambda x: ww.rearrange("b t (c + d) -> b t c, b d t", x, c=3),
    "mean": lambda x: ww.mean("b [t] c", x),
    "var": lambda x: ww.var("... [c]", x, keepdims=True),
    "argmax": lambda x: ww.argmax("b t [c]", x),
    "add": lambda x: ww.add("b t c, b c, ", x, x[:, 0], 1.0),
    "where": lambda x: ww.where("b t c, b t c, ", x > 0, x, 0.0),
    "dot": lambda x: ww.dot("b q (h [c]), b k (h [c]) -> b h q k", x, x, h=2),
    "softmax": lambda x: ww.softmax("b [t] c", x),
    "sort": lambda x: ww.sort("b [t] c", x),
    "roll": lambda x: ww.roll("b [t c]", x, shift=(1, -1)),
    "roll_by_one": lambda x: ww.roll("b [...] c", x, shift=2),
    "cumsum": lambda x: ww.cumsum("b [t] c", x),
    "get_at": lambda x: ww.get_at("b [t] c, p -> b p c", x, INDEX(x)),
    "add_at": lambda x: ww.add_at("b [t] c, p, b p c", x, INDEX(x), x[:, :2]),
    "attention": lambda x: ww.attention("b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)", x, x, x, h=2, causal=True),
    "full_attention": lambda x: ww.attention("b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)", x, x, x, h=2),
    "conv": lambda x: ww.conv("b [s] [c -> d]", x, x[0, :3, :, None] * ONES(x), padding=1),
    "window": lambda x: ww.mean("b t [w] c", ww.window("b [t] c -> b t [w] c", x, w=2, stride=2)),
}  # fmt: skip


def INDEX(x):
    return torch.tensor([0, 1], device=x.device) if isinstance(x, torch.Tensor) else jax.numpy.asarray([0, 1])


def ONES(x):
    return torch.ones(6, 5, device=x.device) if isinstance(x, torch.Tensor) else jax.numpy.ones((6, 5))


every_family = pytest.mark.parametrize("name", FAMILY_CALLS)


def tensor(t=4, **options):
    return torch.rand(2, t, 6, generator=torch.Generator().manual_seed(t), **options)


def alike(found, wanted, **tolerance):
    torch.testing.assert_close(found, wanted, **tolerance)


@contextlib.contextmanager
def cold():
    """Nothing is compiled yet: neither by torch nor here."""
    torch._dynamo.reset()
    for clear in clearing():
        clear()
    yield


def clearing():
    from wirework import engine

    return [*(table.clear for table in engine.tables), program.built.clear]


class Graphs:
    """A backend of torch.compile that counts the graphs it is given."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, graph, inputs):
        self.count += 1
        return graph.forward


# -- torch.compile and torch.export ----------------------------------------------------------------------------------


@every_family
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiles_whole_from_the_first_call(name, backend):
    call, x = FAMILY_CALLS[name], tensor()
    with cold():
        compiled = torch.compile(call, fullgraph=True, backend=backend)(x)
    alike(compiled, call(x))


@every_family
def test_lengths_share_graphs(name):
    call, graphs = FAMILY_CALLS[name], Graphs()
    with cold():
        compiled = torch.compile(call, fullgraph=True, backend=graphs)
        for t in (4, 6, 8, 10, 14, 16, 22, 30):
            alike(compiled(tensor(t)), call(tensor(t)))
    assert graphs.count <= 2


@every_family
def test_compiles_in_inference_mode(name):
    call, x = FAMILY_CALLS[name], tensor()
    with cold(), torch.inference_mode():
        alike(torch.compile(call, fullgraph=True, backend="eager")(x), call(x))


@every_family
def test_compiled_gradients(name):
    call, x = FAMILY_CALLS[name], tensor(requires_grad=True)

    def loss(x):
        result = call(x)
        results = result if isinstance(result, tuple) else (result,)
        return sum((each.double() ** 2).sum() for each in results)

    if not loss(x).requires_grad:
        return
    (wanted,) = torch.autograd.grad(loss(x), x)
    with cold():
        (found,) = torch.autograd.grad(torch.compile(loss, fullgraph=True, backend="aot_eager")(x), x)
    alike(found, wanted)


class Call(nn.Module):
    def __init__(self, call) -> None:
        super().__init__()
        self.call = call

    def forward(self, x):
        return self.call(x)


@every_family
@pytest.mark.parametrize("strict", [False, True])
def test_exports_with_a_dynamic_length(name, strict):
    call = FAMILY_CALLS[name]
    with cold():
        length = torch.export.Dim("t", min=4, max=64) if name != "window" else 2 * torch.export.Dim("t", min=2, max=32)
        exported = torch.export.export(Call(call), (tensor(8),), dynamic_shapes={"x": {1: length}}, strict=strict)
    for t in (8, 12):
        alike(exported.module()(tensor(t)), call(tensor(t)))


# -- torch: functions of functions, modes, tensors of other kinds -------------------------------------------------------


@every_family
def test_torch_vmap(name):
    call, x = FAMILY_CALLS[name], torch.rand(3, 2, 4, 6)
    found = torch.func.vmap(call)(x)
    wanted = [call(each) for each in x]
    if isinstance(wanted[0], tuple):
        wanted = tuple(torch.stack(each) for each in zip(*wanted, strict=True))
    else:
        wanted = torch.stack(wanted)
    alike(found, wanted)


@every_family
def test_activation_checkpointing(name):
    """What torch raises to stop recomputing early is its own affair."""
    call, x = FAMILY_CALLS[name], torch.rand(2, 4, 6, requires_grad=True)
    wanted = call(x)
    found = torch.utils.checkpoint.checkpoint(call, x, use_reentrant=False)
    firsts = [each[0] if isinstance(each, tuple) else each for each in (found, wanted)]
    if firsts[0].requires_grad:
        gradients = [torch.autograd.grad(first.sum(), x)[0] for first in firsts]
        torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("number", [1, 0.5, True])
@pytest.mark.parametrize("name", ["maximum", "add", "logical_or", "where", "power"])
def test_numbers_under_compile(name, number):
    torch.compiler.reset()  # one lambda for all cases: the limit on recompiling it is 8
    x = torch.rand(2, 3)
    call = (lambda x: ww.where("a b, a b, ", x > 0.5, x, number)) if name == "where" else (
        lambda x: getattr(ww, name)("a b, ", x, number))  # fmt: skip
    compiled = torch.compile(call, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), call(x))


@every_family
def test_torch_grad_and_jvp(name):
    if name == "argmax":
        return
    call, x, v = FAMILY_CALLS[name], tensor(dtype=torch.float64), tensor(5, dtype=torch.float64)[:, :4]
    if name == "conv":
        x, v = x.float(), v.float()

    def loss(x):
        result = call(x)
        return sum((each**2).sum() for each in (result if isinstance(result, tuple) else (result,)))

    gradient = torch.func.grad(loss)(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "attention" in name:
            with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
                _, change = torch.func.jvp(loss, (x,), (v,))
        else:
            _, change = torch.func.jvp(loss, (x,), (v,))
    alike((gradient * v).sum(), change, rtol=1e-3, atol=1e-4)


@every_family
def test_inference_mode(name):
    call, x = FAMILY_CALLS[name], tensor()
    with torch.inference_mode():
        found = call(x)
    alike(found, call(x))


@every_family
def test_meta_tensors(name):
    call, x = FAMILY_CALLS[name], tensor()
    found, wanted = call(x.to("meta")), call(x)
    found, wanted = (each if isinstance(each, tuple) else (each,) for each in (found, wanted))
    assert [(each.shape, each.dtype) for each in found] == [(each.shape, each.dtype) for each in wanted]


@every_family
def test_fake_tensors(name):
    from torch._subclasses.fake_tensor import FakeTensorMode

    call, x = FAMILY_CALLS[name], tensor()
    wanted = call(x)
    with FakeTensorMode() as mode:
        found = call(mode.from_tensor(x))
    found, wanted = (each if isinstance(each, tuple) else (each,) for each in (found, wanted))
    assert [each.shape for each in found] == [each.shape for each in wanted]


def test_autocast():
    x = tensor()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert FAMILY_CALLS["dot"](x).dtype == torch.bfloat16
        assert FAMILY_CALLS["attention"](x).dtype == torch.bfloat16
        assert FAMILY_CALLS["mean"](x).dtype == torch.float32
        assert FAMILY_CALLS["rearrange"](x).dtype == torch.float32
    assert FAMILY_CALLS["dot"](x).dtype == torch.float32


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    import torch.distributed as dist

    store = dist.FileStore(str(tmp_path_factory.mktemp("gloo") / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield dist.init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


DISTRIBUTED = ("rearrange", "mean", "var", "dot", "softmax", "full_attention", "concat", "split", "add")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DISTRIBUTED)
def test_dtensor(mesh, name):
    from torch.distributed.tensor import DTensor, Shard, distribute_tensor

    x = tensor()
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # the one that DTensor has on a CPU
        found = FAMILY_CALLS[name](distribute_tensor(x, mesh, [Shard(0)]))
    wanted = FAMILY_CALLS[name](x)
    found, wanted = (each if isinstance(each, tuple) else (each,) for each in (found, wanted))
    for one, other in zip(found, wanted, strict=True):
        assert isinstance(one, DTensor)
        alike(one.full_tensor(), other)


def test_a_subclass_keeps_its_class():
    class Named(torch.Tensor):
        pass

    assert isinstance(ww.rearrange("b t c -> c t b", tensor().as_subclass(Named)), Named)
    assert isinstance(ww.mean("b t [c]", nn.Parameter(tensor())), torch.Tensor)


# -- JAX -------------------------------------------------------------------------------------------------------------


def jax_array(t=4):
    return jax.random.normal(jax.random.key(t), (2, t, 6))


def leaves_alike(found, wanted):
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@every_family
def test_jit(name):
    leaves_alike(jax.jit(FAMILY_CALLS[name])(jax_array()), FAMILY_CALLS[name](jax_array()))


@every_family
def test_jax_vmap(name):
    x = jax.random.normal(jax.random.key(0), (3, 2, 4, 6))
    wanted = jax.tree.map(lambda *each: np.stack(each), *[FAMILY_CALLS[name](each) for each in x])
    leaves_alike(jax.jit(jax.vmap(FAMILY_CALLS[name]))(x), wanted)


@every_family
def test_jax_grad(name):
    if name == "argmax":
        return

    def loss(x):
        return sum((each**2).sum() for each in jax.tree.leaves(FAMILY_CALLS[name](x)))

    x, v = jax_array(), jax_array(5)[:, :4]
    gradient = jax.jit(jax.grad(loss))(x)
    _, change = jax.jit(lambda x, v: jax.jvp(loss, (x,), (v,)))(x, v)
    np.testing.assert_allclose((gradient * v).sum(), change, rtol=1e-3, atol=1e-3)


@every_family
def test_jax_exports_with_symbolic_lengths(name):
    if name == "window":
        (length,) = jax.export.symbolic_shape("n", constraints=["n >= 2"])
        length = 2 * length
    else:
        (length,) = jax.export.symbolic_shape("t", constraints=["t >= 4"])
    shape = jax.ShapeDtypeStruct((2, length, 6), np.float32)
    exported = jax.export.export(jax.jit(FAMILY_CALLS[name]))(shape)
    for t in (4, 8):
        leaves_alike(exported.call(jax_array(t)), FAMILY_CALLS[name](jax_array(t)))


def test_shapes_without_arithmetic():
    result = jax.eval_shape(FAMILY_CALLS["dot"], jax.ShapeDtypeStruct((2, 10**6, 6), np.float32))
    assert result.shape == (2, 2, 10**6, 10**6)


# -- programs ----------------------------------------------------------------------------------------------------------


@every_family
def test_a_new_shape_makes_no_program(name):
    call = FAMILY_CALLS[name]
    call(tensor())
    before = set(program.built)
    for t in (4, 5, 6, 7, 12, 128):
        call(tensor(t))
    assert set(program.built) == before


def test_a_new_size_makes_no_program():
    x = np.arange(12)
    ww.rearrange("(a b) -> b a", x, a=2)
    before = len(program.built)
    for a in (1, 2, 3, 4, 6, 12):
        assert ww.rearrange("(a b) -> b a", x, a=a).shape == (12 // a, a)
    assert len(program.built) == before


def test_the_cache_is_bounded():
    x = np.zeros(3)
    limit = program.LIMIT
    for number in range(limit + 50):
        ww.rearrange(f"a{number} -> 1 a{number}", x)
    assert len(program.built) <= limit
    from wirework import engine

    assert all(len(table) <= limit for table in engine.tables)
    assert ww.rearrange("a0 -> 1 a0", x).shape == (1, 3)


def together(count, task):
    """Run a task in several threads that start at the same moment."""
    barrier = threading.Barrier(count)

    def run(number):
        barrier.wait()
        return task(number)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_threads_compile_the_same_expression(library):
    for repetition in range(20):
        x = np.arange(6.0).reshape(2, 3)
        array = x if library == "numpy" else torch.from_numpy(x)
        text = f"a{repetition} b_{library} -> b_{library} a{repetition}"
        for result in together(8, lambda number, text=text, array=array: ww.rearrange(text, array)):
            np.testing.assert_array_equal(result, x.T)


def test_threads_compile_different_expressions():
    def task(number):
        found = []
        for repetition in range(30):
            name = f"n{number}_{repetition}"
            x = np.full((2, 3), number * 100 + repetition)
            found.append((ww.sum(f"[{name}] b", x).tolist(), ww.mean("a [b]", x, keepdims=True).shape))
            with pytest.raises(WireworkError):
                ww.rearrange(f"{name} b -> {name}", x)
        return found

    for number, found in enumerate(together(8, task)):
        assert found == [([2 * (number * 100 + r)] * 3, (2, 1)) for r in range(30)]


# -- errors inside and outside ------------------------------------------------------------------------------------------


def wrong_size():
    ww.rearrange("(a b) c d -> a b c d", tensor(), a=3)


@pytest.mark.parametrize("repetition", ["first", "again"])
def test_an_error_is_one_frame_below_its_cause(repetition):
    with pytest.raises(WireworkError) as info:
        wrong_size()
    frames = traceback.extract_tb(info.tb)
    assert frames[-2].name == "wrong_size"
    assert pickle.loads(pickle.dumps(info.value)).args == info.value.args
    assert info.value.__context__ is None or info.value.__suppress_context__


def test_a_wrong_expression_under_compile_says_what_is_wrong():
    with cold(), pytest.raises(Exception, match="never closed"):
        torch.compile(lambda x: ww.rearrange("(a b", x), fullgraph=True, backend="eager")(torch.zeros(3))


def test_a_wrong_size_under_jit_says_what_is_wrong():
    with pytest.raises(WireworkError, match="not divisible by a=2"):
        jax.jit(lambda x: ww.rearrange("(a b) -> a b", x, a=2))(jax.numpy.zeros(3))
