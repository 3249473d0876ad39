"""Train a small vision transformer on handwritten digits with Keras, on torch or JAX, in seconds.

KERAS_BACKEND=jax python examples/train_keras.py
"""

import os
import tempfile

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import wirework.nn.keras as wn


def block(x):
    """Attention and an MLP, each beside a connection that skips it."""
    x = wn.Residual(wn.Attention(heads=4), wn.Norm("... [c]"))(x)
    return wn.Residual(wn.MLP("... [d -> m]", m=128, dropout=0.1), wn.Norm("... [c]"))(x)


def vision_transformer():
    """From images of 8 x 8 pixels to the logits of ten digits."""
    image = keras.Input((8, 8, 1))
    x = wn.Conv("b [s...] [c -> d]", kernel=(2, 2), stride=2, d=64)(image)  # patches of 2 x 2 pixels
    x = wn.LearnedPositions((4, 4))(keras.layers.Reshape((16, 64))(x))
    for _ in range(2):
        x = block(x)
    x = keras.layers.GlobalAveragePooling1D()(wn.Norm("... [c]")(x))
    return keras.Model(image, wn.Linear("b [c -> digit]", digit=10)(x))


def main():
    """Train, count what is recognised, and do so again with the model from a file."""
    keras.utils.set_random_seed(0)
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1).astype("float32") / 16
    seen, unseen, seen_labels, unseen_labels = train_test_split(images, labels, random_state=0)
    model = vision_transformer()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(2e-3), loss, metrics=["accuracy"])
    model.fit(seen, seen_labels, batch_size=50, epochs=12, verbose=2)
    accuracy = model.evaluate(unseen, unseen_labels, verbose=0)[1]
    print(f"{accuracy:.1%} of {len(unseen)} other digits are recognised")

    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/digits.keras")
        again = keras.models.load_model(f"{folder}/digits.keras")
    print(f"{again.evaluate(unseen, unseen_labels, verbose=0)[1]:.1%} with the model from a file")


if __name__ == "__main__":
    main()
