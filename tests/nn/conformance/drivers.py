"""How each framework makes, calls, differentiates and saves a layer, with arrays of numpy on both sides."""

from __future__ import annotations

import importlib
import os
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wirework.nn.convert import converter
from wirework.nn.layers.base import array_paths, reach

os.environ.setdefault("KERAS_BACKEND", "torch")

Array = Any
Arrays = Mapping[str, np.ndarray]


class Driver:
    """A framework, as the cases need it. `module` is whatever the framework needs to hold a layer and its arrays."""

    name: str
    compiles = True

    def __init__(self) -> None:
        self.layers = importlib.import_module(f"wirework.nn.{self.name}")
        self.converter = converter(self.name)

    def options(self, seed: int) -> dict[str, Any]:
        """What a layer is made with besides its own arguments."""
        return {}

    def build(self, kind: str, *args: Any, seed: int = 0, **kwargs: Any) -> Any:
        """A layer by the name of its class."""
        return getattr(self.layers, kind)(*args, **self.options(seed), **kwargs)

    def inferred(self, kind: str, *args: Any, shape: tuple[int, ...], seed: int = 0, **kwargs: Any) -> Any:
        """A layer whose sizes an input of that shape shows."""
        inputs = [np.zeros(shape, np.float32)]
        return self.run(self.whole(self.build(kind, *args, seed=seed, **kwargs), inputs, seed), inputs)[1]

    def whole(self, module: Any, inputs: Sequence[Any], seed: int = 0, **options: Any) -> Any:
        """A layer with whatever holds its arrays or its state, for such inputs."""
        return module

    def arrays(self, module: Any) -> dict[str, np.ndarray]:
        return self.converter.arrays_of(module)

    def filled(self, module: Any, arrays: Arrays) -> Any:
        """A layer with these arrays."""
        return self.converter.with_arrays(module, arrays)

    def run(self, module: Any, inputs: Sequence[Any], training: bool = False, seed: int = 0, **options: Any) -> Any:
        """The outputs, and the module after the call."""
        raise NotImplementedError

    def jitted(self, module: Any, inputs: Sequence[Any], **options: Any) -> Any:
        """The outputs of a compiled call, as in evaluation."""
        raise NotImplementedError

    def gradients(self, module: Any, inputs: Sequence[Any], training: bool, **options: Any) -> dict[str, np.ndarray]:
        """The gradients of `loss` by the parameters, and by the floating inputs, which are called 0, 1 and so on."""
        raise NotImplementedError

    def reloaded(self, module: Any, other: Any, path: Path) -> Any:
        """A module that is saved to a file, and loaded into another of the same structure."""
        raise NotImplementedError

    def own_statistics(self, batches: np.ndarray, decay_rate: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance that the framework's own batch norm has after some batches `b t c`."""
        raise NotImplementedError


class Torch(Driver):
    name = "torch"

    def options(self, seed: int) -> dict[str, Any]:
        import torch

        torch.manual_seed(seed)
        return {}

    def run(self, module: Any, inputs: Sequence[Any], training: bool = False, seed: int = 0, **options: Any) -> Any:
        import torch

        torch.manual_seed(seed)
        with torch.no_grad():
            y = module.train(training)(*map(tensor, inputs), **tensors(options))
        return outputs(y), module

    def gradients(self, module: Any, inputs: Sequence[Any], training: bool, **options: Any) -> dict[str, np.ndarray]:
        import torch

        given = [tensor(each).requires_grad_(each.dtype.kind == "f") for each in inputs]
        y = module.train(training)(*given, **tensors(options))
        wanted = dict(module.named_parameters())
        wanted |= {str(i): each for i, each in enumerate(given) if each.requires_grad}
        if not wanted:
            return {}
        total = torch.stack(
            [(each * tensor(weights_of(each))).sum() for each in (y if isinstance(y, tuple) else (y,))]
        ).sum()
        found = torch.autograd.grad(total, list(wanted.values()), allow_unused=True, materialize_grads=True)
        return {name: grad.numpy() for name, grad in zip(wanted, found, strict=True)}

    def reloaded(self, module: Any, other: Any, path: Path) -> Any:
        import torch

        torch.save(module.state_dict(), path / "layer.pt")
        other.load_state_dict(torch.load(path / "layer.pt", weights_only=True))
        return other

    def own_statistics(self, batches: np.ndarray, decay_rate: float) -> tuple[np.ndarray, np.ndarray]:
        import torch

        norm: Any = torch.nn.BatchNorm1d(batches.shape[-1], momentum=1 - decay_rate)
        for batch in batches:
            norm(tensor(batch).movedim(-1, 1))
        return norm.running_mean.numpy(), norm.running_var.numpy()


class Flax(Driver):
    name = "flax"

    def options(self, seed: int) -> dict[str, Any]:
        from flax import nnx

        return {"rngs": nnx.Rngs(seed)}

    def run(self, module: Any, inputs: Sequence[Any], training: bool = False, seed: int = 0, **options: Any) -> Any:
        (module.train if training else module.eval)()
        return outputs(module(*map(jax_array, inputs), **jax_arrays(options))), module

    def jitted(self, module: Any, inputs: Sequence[Any], **options: Any) -> Any:
        from flax import nnx

        module.eval()
        options = jax_arrays(options)
        return outputs(nnx.jit(lambda module, *inputs: module(*inputs, **options))(module, *map(jax_array, inputs)))

    def gradients(self, module: Any, inputs: Sequence[Any], training: bool, **options: Any) -> dict[str, np.ndarray]:
        from flax import nnx

        (module.train if training else module.eval)()
        options, places = jax_arrays(options), floating(inputs)

        def total(module: Any, *inputs: Any) -> Any:
            return loss(module(*inputs, **options))

        found = nnx.grad(total, argnums=(0, *(i + 1 for i in places)))(module, *map(jax_array, inputs))
        leaves = nnx.to_flat_state(found[0])
        named = {".".join(map(str, path)): np.asarray(value[...]) for path, value in leaves}
        return named | {str(i): np.asarray(grad) for i, grad in zip(places, found[1:], strict=True)}

    def reloaded(self, module: Any, other: Any, path: Path) -> Any:
        from flax import nnx

        kept = (nnx.Param, nnx.BatchStat)
        (path / "layer.pkl").write_bytes(pickle.dumps(nnx.to_pure_dict(nnx.state(module, kept))))
        graph, state, rest = nnx.split(other, kept, ...)
        nnx.replace_by_pure_dict(state, pickle.loads((path / "layer.pkl").read_bytes()))
        return nnx.merge(graph, state, rest)

    def own_statistics(self, batches: np.ndarray, decay_rate: float) -> tuple[np.ndarray, np.ndarray]:
        from flax import nnx

        norm = nnx.BatchNorm(batches.shape[-1], momentum=decay_rate, rngs=nnx.Rngs(0))
        for batch in batches:
            norm(jax_array(batch))
        return np.asarray(norm.mean[...]), np.asarray(norm.var[...])


class Functional(Driver):
    """A framework whose modules hold no arrays: these go with them."""

    def call(self, module: Any, inputs: Sequence[Any], training: bool, seed: int, **options: Any) -> Any:
        """The outputs, and the arrays after the call."""
        raise NotImplementedError

    def run(self, module: Any, inputs: Sequence[Any], training: bool = False, seed: int = 0, **options: Any) -> Any:
        y, changed = self.call(module, list(map(jax_array, inputs)), training, seed, **jax_arrays(options))
        return outputs(y), (module[0], *changed)

    def jitted(self, module: Any, inputs: Sequence[Any], **options: Any) -> Any:
        import jax

        options = jax_arrays(options)
        call = jax.jit(lambda arrays, inputs: self.call((module[0], *arrays), inputs, False, 0, **options)[0])
        return outputs(call(module[1:], list(map(jax_array, inputs))))

    def gradients(self, module: Any, inputs: Sequence[Any], training: bool, **options: Any) -> dict[str, np.ndarray]:
        import jax

        options, places, given = jax_arrays(options), floating(inputs), list(map(jax_array, inputs))

        def total(arrays: Any, xs: Any) -> Any:
            inputs = [xs[places.index(i)] if i in places else each for i, each in enumerate(given)]
            return loss(self.call((module[0], *arrays), inputs, training, 0, **options)[0])

        found, xs = jax.grad(total, argnums=(0, 1), allow_int=True)(module[1:], [given[i] for i in places])
        named = {name: grad for name, grad in self.arrays((module[0], *found)).items() if "running" not in name}
        return named | {str(i): np.asarray(grad) for i, grad in zip(places, xs, strict=True)}

    def reloaded(self, module: Any, other: Any, path: Path) -> Any:
        (path / "layer.pkl").write_bytes(pickle.dumps(module[1:]))
        return other[0], *pickle.loads((path / "layer.pkl").read_bytes())


class Linen(Functional):
    """A module and its variables."""

    name = "linen"

    def call(self, module: Any, inputs: Sequence[Any], training: bool, seed: int, **options: Any) -> Any:
        import jax

        flags = {"deterministic": not training, "use_running_average": not training}
        key = {"dropout": jax.random.key(seed)}
        y, changed = module[0].apply(module[1], *inputs, rngs=key, mutable=["batch_stats"], **flags, **options)
        return y, ({**module[1], **changed},)

    def whole(self, module: Any, inputs: Sequence[Any], seed: int = 0, **options: Any) -> Any:
        import jax

        keys = {"params": jax.random.key(seed), "dropout": jax.random.key(seed)}
        given = {"deterministic": True, "use_running_average": True, **jax_arrays(options)}
        return module, module.init(keys, *map(jax_array, inputs), **given)

    def own_statistics(self, batches: np.ndarray, decay_rate: float) -> tuple[np.ndarray, np.ndarray]:
        import flax.linen as nn
        import jax

        norm = nn.BatchNorm(use_running_average=False, momentum=decay_rate)
        variables = norm.init(jax.random.key(0), batches[0])
        for batch in batches:
            variables = {**variables, **norm.apply(variables, batch, mutable=["batch_stats"])[1]}
        return np.asarray(variables["batch_stats"]["mean"]), np.asarray(variables["batch_stats"]["var"])


class Haiku(Functional):
    """What makes a module, its parameters and its state."""

    name = "haiku"

    def build(self, kind: str, *args: Any, seed: int = 0, **kwargs: Any) -> Any:
        from wirework.nn import layers
        from wirework.nn.converting.haiku import Blueprint

        return Blueprint(getattr(layers, kind), *args, **kwargs)

    def transformed(self, blueprint: Any, options: Mapping[str, Any]) -> Any:
        import haiku as hk

        return hk.transform_with_state(lambda *inputs: blueprint()(*inputs, **options))

    def call(self, module: Any, inputs: Sequence[Any], training: bool, seed: int, **options: Any) -> Any:
        import jax

        blueprint, params, state = module
        function = self.transformed(blueprint, {"is_training": training, **options})
        y, state = function.apply(params, state, jax.random.key(seed), *inputs)
        return y, (params, state)

    def whole(self, module: Any, inputs: Sequence[Any], seed: int = 0, **options: Any) -> Any:
        import jax

        function = self.transformed(module, {"is_training": False, **jax_arrays(options)})
        return module, *function.init(jax.random.key(seed), *map(jax_array, inputs))

    def own_statistics(self, batches: np.ndarray, decay_rate: float) -> tuple[np.ndarray, np.ndarray]:
        import haiku as hk

        norm = hk.transform_with_state(lambda x: hk.BatchNorm(True, True, decay_rate)(x, is_training=True))
        params, state = norm.init(None, jax_array(batches[0]))
        for batch in batches:
            _, state = norm.apply(params, state, None, jax_array(batch))
        mean, var = (state[f"batch_norm/~/{name}_ema"]["average"] for name in ("mean", "var"))
        return np.asarray(mean).ravel(), np.asarray(var).ravel()


class Equinox(Driver):
    """A layer with running statistics goes with its state, as a pair."""

    name = "equinox"

    def options(self, seed: int) -> dict[str, Any]:
        import jax

        return {"key": jax.random.key(seed)}

    def inferred(self, kind: str, *args: Any, shape: tuple[int, ...], seed: int = 0, **kwargs: Any) -> Any:
        import jax

        x = jax.ShapeDtypeStruct(shape, "float32")
        return self.whole(getattr(self.layers, kind).build(*args, x, **self.options(seed), **kwargs), [])

    def whole(self, module: Any, inputs: Sequence[Any], seed: int = 0, **options: Any) -> Any:
        import equinox as eqx

        return eqx.nn.make_with_state(lambda: module)() if module.is_stateful() else module

    def call(self, module: Any, inputs: Sequence[Any], training: bool, seed: int = 0, **options: Any) -> Any:
        import equinox as eqx
        import jax

        module, state = module if isinstance(module, tuple) else (module, None)
        given = {} if state is None else {"state": state}
        module = eqx.nn.inference_mode(module, value=not training)
        return module(*inputs, key=jax.random.key(seed), **given, **options)

    def run(self, module: Any, inputs: Sequence[Any], training: bool = False, seed: int = 0, **options: Any) -> Any:
        y = self.call(module, list(map(jax_array, inputs)), training, seed, **jax_arrays(options))
        if isinstance(module, tuple):
            return outputs(y[0]), (module[0], y[1])
        return outputs(y), module

    def jitted(self, module: Any, inputs: Sequence[Any], **options: Any) -> Any:
        import equinox as eqx

        y = eqx.filter_jit(self.call)(module, list(map(jax_array, inputs)), False, **jax_arrays(options))
        return outputs(y[0] if isinstance(module, tuple) else y)

    def gradients(self, module: Any, inputs: Sequence[Any], training: bool, **options: Any) -> dict[str, np.ndarray]:
        import equinox as eqx

        bare, *state = module if isinstance(module, tuple) else (module,)
        options, places, given = jax_arrays(options), floating(inputs), list(map(jax_array, inputs))

        def total(differentiated: Any) -> Any:
            bare, *xs = differentiated
            inputs = [xs[places.index(i)] if i in places else each for i, each in enumerate(given)]
            y = self.call((bare, *state) if state else bare, inputs, training, **options)
            return loss(y[0] if state else y)

        found = eqx.filter_grad(total)([bare, *(given[i] for i in places)])
        arrays = {**named_leaves(found[0])}
        return arrays | {str(i): np.asarray(grad) for i, grad in zip(places, found[1:], strict=True)}

    def reloaded(self, module: Any, other: Any, path: Path) -> Any:
        import equinox as eqx

        eqx.tree_serialise_leaves(path / "layer.eqx", module)
        return eqx.tree_deserialise_leaves(path / "layer.eqx", other)

    def own_statistics(self, batches: np.ndarray, decay_rate: float) -> tuple[np.ndarray, np.ndarray]:
        import equinox as eqx
        import jax

        norm, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(
            batches.shape[-1], "b", momentum=decay_rate, mode="batch"
        )
        for batch in batches:
            rows = jax_array(batch.reshape(-1, batch.shape[-1]))
            _, state = jax.vmap(norm, axis_name="b", in_axes=(0, None), out_axes=(0, None))(rows, state)
        first = decay_rate ** len(batches)  # the share of what it started from, which it divides by 1 - first to undo
        mean, var = state.get(norm.batch_state_index)  # type: ignore[arg-type]
        return np.asarray(mean) / (1 - first), (np.asarray(var) - first) / (1 - first)  # it started from 0 and 1


class Keras(Driver):
    name = "keras"
    compiles = os.environ["KERAS_BACKEND"] == "jax"  # it compiles nothing with torch

    def options(self, seed: int) -> dict[str, Any]:
        return {"seed": seed}

    def build(self, kind: str, *args: Any, seed: int = 0, **kwargs: Any) -> Any:
        module = super().build(kind, *args, seed=seed, **kwargs)
        if not module.layer.missing:
            module.build()
        return module

    def run(self, module: Any, inputs: Sequence[Any], training: bool = False, seed: int = 0, **options: Any) -> Any:
        import keras

        options = {self.renamed(name): keras_array(each) for name, each in options.items()}
        y = module(*map(keras_array, inputs), training=training, **options)
        return outputs(keras.tree.map_structure(keras.ops.convert_to_numpy, y)), module

    def jitted(self, module: Any, inputs: Sequence[Any], **options: Any) -> Any:
        import jax

        values = [each.value for each in module.weights]
        call = jax.jit(lambda *inputs: self.stateless(module, module.weights, values, inputs, False, options))
        return outputs(call(*map(jax_array, inputs)))

    def stateless(self, module: Any, weights: Any, values: Any, inputs: Any, training: bool, options: Any) -> Any:
        """A call with other values of some weights, on JAX."""
        import keras

        options = {self.renamed(name): each for name, each in jax_arrays(options).items()}
        with keras.StatelessScope(state_mapping=list(zip(weights, values, strict=True))):
            return module(*inputs, training=training, **options)

    def renamed(self, option: str) -> str:
        """What Keras calls an option of a call: its own `mask` is another."""
        return "attention_mask" if option == "mask" else option

    def gradients(self, module: Any, inputs: Sequence[Any], training: bool, **options: Any) -> dict[str, np.ndarray]:
        import keras

        places, weights = floating(inputs), module.trainable_variables
        by_backend = self.torch_gradients if keras.backend.backend() == "torch" else self.jax_gradients
        values, xs = by_backend(module, weights, inputs, places, training, options)
        names = {id(reach(module, path)): ".".join(path) for path in array_paths(module)}
        named = {names[id(each)]: np.asarray(grad) for each, grad in zip(weights, values, strict=True)}
        return named | {str(i): np.asarray(grad) for i, grad in zip(places, xs, strict=True)}

    def jax_gradients(
        self, module: Any, weights: Any, inputs: Any, places: list[int], training: bool, options: Any
    ) -> Any:
        """The gradients by weights and by some inputs."""
        import jax

        given = list(map(jax_array, inputs))

        def total(values: Any, xs: Any) -> Any:
            inputs = [xs[places.index(i)] if i in places else each for i, each in enumerate(given)]
            return loss(self.stateless(module, weights, values, inputs, training, options))

        return jax.grad(total, argnums=(0, 1))([each.value for each in weights], [given[i] for i in places])

    def torch_gradients(
        self, module: Any, weights: Any, inputs: Any, places: list[int], training: bool, options: Any
    ) -> Any:
        """The gradients by weights and by some inputs."""
        import torch

        given = [tensor(each).requires_grad_(i in places) for i, each in enumerate(inputs)]
        options = {self.renamed(name): each for name, each in tensors(options).items()}
        wanted = [each.value for each in weights] + [given[i] for i in places]
        if not wanted:
            return [], []
        y = module(*given, training=training, **options)
        total = torch.stack([(each * tensor(weights_of(each))).sum() for each in (y if isinstance(y, tuple) else (y,))])
        found = torch.autograd.grad(total.sum(), wanted, allow_unused=True, materialize_grads=True)
        return found[: len(weights)], found[len(weights) :]

    def reloaded(self, module: Any, other: Any, path: Path) -> Any:
        """By its config and its weights, so that `other` is not needed."""
        again = type(module).from_config(module.get_config())
        again.build()
        again.set_weights(module.get_weights())
        return again

    def own_statistics(self, batches: np.ndarray, decay_rate: float) -> tuple[np.ndarray, np.ndarray]:
        import keras

        norm: Any = keras.layers.BatchNormalization(momentum=decay_rate)
        for batch in batches:
            norm(keras_array(batch), training=True)
        found = (keras.ops.convert_to_numpy(each) for each in (norm.moving_mean, norm.moving_variance))
        mean, var = map(np.asarray, found)
        return mean, var


DRIVERS = (Torch, Flax, Linen, Haiku, Equinox, Keras)


# -- arrays ---------------------------------------------------------------------------------------------------


def outputs(y: Any) -> list[np.ndarray]:
    """What a layer gives, as arrays of numpy."""
    return [np.asarray(each) for each in (y if isinstance(y, tuple | list) else (y,))]


def weights_of(y: Any) -> np.ndarray:
    """What `loss` multiplies the elements of an output with."""
    return np.cos(np.arange(np.prod(y.shape), dtype=np.float32)).reshape(y.shape)


def loss(y: Any) -> Any:
    """A sum over all elements of the outputs, which tells them apart."""
    return sum((each * weights_of(each)).sum() for each in (y if isinstance(y, tuple | list) else (y,)))


def floating(inputs: Sequence[np.ndarray]) -> list[int]:
    """Which inputs have a gradient."""
    return [i for i, each in enumerate(inputs) if each.dtype.kind == "f"]


def tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(np.array(array)) if isinstance(array, np.ndarray) else array


def tensors(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tensor(each) for name, each in options.items()}


def jax_array(array: Any) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(array) if isinstance(array, np.ndarray) else array


def jax_arrays(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: jax_array(each) for name, each in options.items()}


def keras_array(array: Any) -> Any:
    import keras

    return keras.ops.convert_to_tensor(array) if isinstance(array, np.ndarray) else array


def named_leaves(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a tree by the attributes that they are under."""
    import jax

    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {".".join(each.name for each in path if hasattr(each, "name")): np.asarray(leaf) for path, leaf in leaves}
