"""A small transformer of wirework's layers for Flax NNX learns the digits of scikit-learn, in seconds.

Run it with: pip install "wirework[flax]" optax scikit-learn && python examples/train_flax.py
"""

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import wirework as ww
import wirework.nn.flax as wn

EPOCHS, BATCH, WIDTH = 8, 64, 32


class Classifier(nnx.Module):
    """Images `b h w` to logits `b k`: patches of 2 by 2 pixels, a transformer block, the mean over all patches."""

    def __init__(self, rngs):
        self.embed = wn.Linear("... [p -> d]", d=WIDTH, rngs=rngs)
        self.places = wn.LearnedPositions(16, rngs=rngs)
        self.attention = wn.Residual(wn.Attention(4, rngs=rngs), wn.Norm("... [d]", rngs=rngs))
        self.mlp = wn.Residual(wn.MLP(m=4 * WIDTH, dropout=0.1, rngs=rngs), wn.Norm("... [d]", rngs=rngs))
        self.norm = wn.Norm("[b] d", decay_rate=0.9, rngs=rngs)
        self.head = wn.Linear("... [d -> k]", k=10, rngs=rngs)

    def __call__(self, images):
        patches = ww.rearrange("b (h p) (w q) -> b (h w) (p q)", images, p=2, q=2)
        tokens = self.mlp(self.attention(self.places(self.embed(patches))))
        return self.head(self.norm(ww.mean("b [t] d", tokens)))


@nnx.jit
def step(model, optimizer, images, labels):
    """One step of training; the loss of the batch."""

    def loss_of(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(images), labels).mean()

    loss, gradients = nnx.value_and_grad(loss_of)(model)
    optimizer.update(model, gradients)
    return loss


images, labels = load_digits(return_X_y=True)
images = (images.reshape(-1, 8, 8) / 16).astype(np.float32)
train, test, train_labels, test_labels = train_test_split(images, labels, test_size=0.2, random_state=0)

model = wn.build(Classifier(nnx.Rngs(0)), {"images": (BATCH, 8, 8)})  # the sizes left out, from a shape
optimizer = nnx.Optimizer(model, optax.adamw(3e-3), wrt=nnx.Param)
random = np.random.default_rng(0)
for epoch in range(EPOCHS):
    for batch in random.permutation(len(train) // BATCH * BATCH).reshape(-1, BATCH):
        loss = step(model, optimizer, train[batch], train_labels[batch])
    print(f"epoch {epoch + 1}: loss {loss:.3f}")

model.eval()
print(f"test accuracy: {(model(jnp.asarray(test)).argmax(-1) == test_labels).mean():.3f}")
