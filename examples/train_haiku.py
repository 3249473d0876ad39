"""A small transformer of wirework's layers for Haiku learns the digits of scikit-learn, in seconds.

Run it with: pip install "wirework[haiku]" optax scikit-learn && python examples/train_haiku.py
"""

import haiku as hk
import jax
import numpy as np
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import wirework as ww
import wirework.nn.haiku as wn

EPOCHS, BATCH, WIDTH = 8, 64, 32


@hk.transform_with_state
def classify(images, is_training):
    """Images `b h w` to logits `b k`: patches of 2 by 2 pixels, a transformer block, the mean over all patches."""
    patches = ww.rearrange("b (h p) (w q) -> b (h w) (p q)", images, p=2, q=2)
    tokens = wn.Linear("... [p -> d]", d=WIDTH)(patches)
    tokens = wn.LearnedPositions(16)(tokens)
    tokens = wn.Residual(wn.Attention(4), wn.Norm("... [d]"))(tokens)
    tokens = wn.Residual(wn.MLP(m=4 * WIDTH, dropout=0.1), wn.Norm("... [d]"))(tokens, is_training=is_training)
    x = wn.Norm("[b] d", decay_rate=0.9)(ww.mean("b [t] d", tokens), is_training=is_training)
    return wn.Linear("... [d -> k]", k=10)(x)


def loss_of(params, state, key, images, labels):
    """The cross entropy of a batch, and the new running statistics."""
    logits, state = classify.apply(params, state, key, images, True)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), state


@jax.jit
def step(params, state, moments, key, images, labels):
    """One step of training: new parameters, running statistics, and moments of the optimiser."""
    (loss, state), gradients = jax.value_and_grad(loss_of, has_aux=True)(params, state, key, images, labels)
    updates, moments = OPTIMISER.update(gradients, moments, params)
    return optax.apply_updates(params, updates), state, moments, loss


OPTIMISER = optax.adamw(3e-3)

images, labels = load_digits(return_X_y=True)
images = (images.reshape(-1, 8, 8) / 16).astype(np.float32)
train, test, train_labels, test_labels = train_test_split(images, labels, test_size=0.2, random_state=0)

params, state = classify.init(jax.random.key(0), train[:1], False)
moments = OPTIMISER.init(params)
random, key = np.random.default_rng(0), jax.random.key(1)
for epoch in range(EPOCHS):
    for batch in random.permutation(len(train) // BATCH * BATCH).reshape(-1, BATCH):
        key, now = jax.random.split(key)
        params, state, moments, loss = step(params, state, moments, now, train[batch], train_labels[batch])
    print(f"epoch {epoch + 1}: loss {loss:.3f}")

logits, _ = classify.apply(params, state, None, test, False)
print(f"test accuracy: {(logits.argmax(-1) == test_labels).mean():.3f}")
