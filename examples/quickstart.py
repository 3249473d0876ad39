"""One screenful of wirework: from images to attention, with an axis name for everything.

The same lines run on torch tensors and on JAX arrays.
"""

import numpy as np

import wirework as ww

random = np.random.default_rng(0)
images = random.normal(size=(2, 3, 32, 32))
weight = random.normal(size=(8, 8, 3, 64)) / 14
class_token, positions = random.normal(size=64), random.normal(size=(17, 64))

# Cut each image into patches of 8 by 8 pixels, and project each patch to 64 features.
# Brackets mark the axes that an operation acts on: here those summed over. (h [p]) is h*p pixels.
tokens = ww.dot("b [c] (h [p]) (w [q]), [p q c] d -> b (h w) d", images, weight)

# A class token in front of the 16 patches; then a position added to each token.
tokens = ww.rearrange("d, b t d -> b (1 + t) d", class_token, tokens)
tokens = ww.add("b [t d]", tokens, positions)

# Layer norm by hand: [d] is reduced, the other axes are loops.
centred = ww.subtract("b t d, b t", tokens, ww.mean("b t [d]", tokens))
normed = ww.divide("b t d, b t", centred, ww.std("b t [d]", tokens))

# Self-attention with 4 heads, in one fused operation; then step by step.
fused = ww.attention("b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)", normed, normed, normed, h=4)
scores = ww.dot("b q (h [d]), b k (h [d]) -> b h q k", normed, normed, h=4) / 16**0.5
stepwise = ww.dot("b h q [k], b [k] (h e) -> b q (h e)", ww.softmax("b h q [k]", scores), normed)
assert np.allclose(fused, stepwise)

# The sizes of axes, without computing anything; and the code behind a call.
print(fused.shape, ww.solve("b c (h p) (w q)", images, p=8, q=8))
print(ww.source("rearrange", "b (h w) c -> b c h w", "torch", given=("h",)))
