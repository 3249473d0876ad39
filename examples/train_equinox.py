"""A small transformer of wirework's layers for Equinox learns the digits of scikit-learn, in seconds.

Run it with: pip install "wirework[equinox]" optax scikit-learn && python examples/train_equinox.py
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import wirework as ww
import wirework.nn.equinox as wn

EPOCHS, BATCH, WIDTH = 8, 64, 32


class Classifier(eqx.Module):
    """Images `b h w` to logits `b k`: patches of 2 by 2 pixels, a transformer block, the mean over all patches."""

    embed: wn.Linear
    places: wn.LearnedPositions
    attention: wn.Residual
    mlp: wn.Residual
    norm: wn.Norm
    head: wn.Linear

    def __init__(self, key):
        keys = iter(jax.random.split(key, 5))
        self.embed = wn.Linear("... [p -> d]", p=4, d=WIDTH, key=next(keys))
        self.places = wn.LearnedPositions(16, d=WIDTH, key=next(keys))
        self.attention = wn.Residual(wn.Attention(4, WIDTH, key=next(keys)), wn.Norm("... [d]", d=WIDTH))
        self.mlp = wn.Residual(wn.MLP(d=WIDTH, m=4 * WIDTH, dropout=0.1, key=next(keys)), wn.Norm("... [d]", d=WIDTH))
        self.norm = wn.Norm("[b] d", decay_rate=0.9, d=WIDTH)
        self.head = wn.Linear("... [d -> k]", d=WIDTH, k=10, key=next(keys))

    def __call__(self, images, state, key=None):
        patches = ww.rearrange("b (h p) (w q) -> b (h w) (p q)", images, p=2, q=2)
        tokens = self.attention(self.places(self.embed(patches)))
        tokens = self.mlp(tokens, key=key)
        x, state = self.norm(ww.mean("b [t] d", tokens), state)
        return self.head(x), state


@eqx.filter_value_and_grad(has_aux=True)
def loss_of(model, state, images, labels, key):
    """The cross entropy of a batch, and the new running statistics."""
    logits, state = model(images, state, key)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), state


@eqx.filter_jit
def step(model, state, moments, images, labels, key):
    """One step of training: the new model, its new running statistics, and the optimiser's new moments."""
    (loss, state), gradients = loss_of(model, state, images, labels, key)
    updates, moments = OPTIMISER.update(gradients, moments, eqx.filter(model, eqx.is_array))
    return eqx.apply_updates(model, updates), state, moments, loss


OPTIMISER = optax.adamw(3e-3)

images, labels = load_digits(return_X_y=True)
images = (images.reshape(-1, 8, 8) / 16).astype(np.float32)
train, test, train_labels, test_labels = train_test_split(images, labels, test_size=0.2, random_state=0)

model, state = eqx.nn.make_with_state(Classifier)(jax.random.key(0))
moments = OPTIMISER.init(eqx.filter(model, eqx.is_array))
random, key = np.random.default_rng(0), jax.random.key(1)
for epoch in range(EPOCHS):
    for batch in random.permutation(len(train) // BATCH * BATCH).reshape(-1, BATCH):
        key, now = jax.random.split(key)
        model, state, moments, loss = step(model, state, moments, train[batch], train_labels[batch], now)
    print(f"epoch {epoch + 1}: loss {loss:.3f}")

logits, _ = eqx.nn.inference_mode(model)(jnp.asarray(test), state)
print(f"test accuracy: {(logits.argmax(-1) == test_labels).mean():.3f}")
