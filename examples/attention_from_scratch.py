# %% [markdown]
# # Attention from scratch
#
# Attention is a weighted average whose weights depend on the data. This builds it in seven steps, each checked
# against the one before: an average of the past by a loop, as a matrix product, as a softmax; then weights from
# the data, one head, many heads, and the fused form that models use.
#
# Axes: b batch, t or q or k tokens (k are looked at, q look), c channels, h heads, d features of a head.
#
# As a script: `python attention_from_scratch.py`, or `python attention_from_scratch.py FOLDER` to save the plots.

# %%
"""Attention from scratch: from an average of the past to many heads in one fused operation."""

import importlib.util
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

import wirework as ww
import wirework.nn.torch as wn

torch.manual_seed(0)
IN_NOTEBOOK = "get_ipython" in globals()
FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 and not IN_NOTEBOOK else None


def check(name, one, other):
    """Say by how much two results differ, and stop if it is more than rounding."""
    difference = (one - other).abs().max().item()
    assert difference < 1e-5, f"{name}: they differ by {difference}"
    print(f"equal (largest difference {difference:.0e}): {name}")


def show(title, weights, words, names=("",)):
    """Attention weights, `h q k`: as a plot if there is somewhere to put it, else as percentages of the first head."""
    if (IN_NOTEBOOK or FOLDER) and importlib.util.find_spec("matplotlib"):
        plot(title, weights, words, names)
        return
    print(f"\n{title}{', ' + names[0] if names[0] else ''}\n{'':>8}" + "".join(f"{word:>8}" for word in words))
    for word, row in zip(words, weights[0].tolist(), strict=True):
        print(f"{word:>8}" + "".join(f"{100 * weight:7.0f}%" if weight else f"{'.':>8}" for weight in row))
    print()


def plot(title, weights, words, names):
    """One picture for each head: a row is a word that looks, a column one that is looked at."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(weights), figsize=(4 * len(weights), 4.4), squeeze=False, layout="constrained")
    for ax, head, name in zip(axes[0], weights.tolist(), names, strict=True):
        ax.imshow(head, vmin=0, vmax=1, cmap="Blues")
        ax.set_xticks(range(len(words)), words, rotation=60)
        ax.set_yticks(range(len(words)), words)
        ax.set(title=name, xlabel="is looked at", ylabel="looks")
    figure.suptitle(title)
    if IN_NOTEBOOK:
        plt.show()
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{title.lower().replace(' ', '_')}.png"
    figure.savefig(path, dpi=120)
    plt.close(figure)
    print(f"saved {path}")


# %% [markdown]
# ## The data
#
# Eight words, each a vector of four channels that say what kind of word it is, in a batch of one sentence.
# Real models learn such vectors; these are written by hand, so that we can see what attention does with them.

# %%
words = ["the", "cat", "sat", "and", "the", "dog", "ran", "off"]
kinds = {"the": 0, "cat": 1, "dog": 1, "sat": 2, "ran": 2, "and": 3, "off": 3}  # article, noun, verb, other
x = F.one_hot(torch.tensor([[kinds[word] for word in words]]), 4).float()  # b t c
b, t, c = x.shape
print(ww.solve("b t c", x))

# %% [markdown]
# ## 1. The average of the past, by a loop
#
# The simplest way for a word to learn about those before it: take the average of their vectors and its own. It
# must not see what comes after, because that is what a language model is to predict.

# %%
looped = torch.zeros(b, t, c)
for i in range(b):
    for j in range(t):
        looped[i, j] = ww.mean("[t] c", x[i, : j + 1])
print(looped[0, :3])

# %% [markdown]
# ## 2. The same as a matrix product
#
# An average is a weighted sum. Put the weights of word q in row q of a matrix: ones up to q, zeros after it, each
# row divided by its sum. Then one contraction over k does it for all words at once. The brackets say over what.

# %%
lower = torch.ones(t, t).tril()
uniform = ww.divide("q k, q", lower, ww.sum("q [k]", lower))
multiplied = ww.dot("q [k], b [k] c -> b q c", uniform, x)
check("the loop and the matrix product", looped, multiplied)
show("The average of the past", uniform[None], words)
print(ww.explain("dot", "q [k], b [k] c -> b q c", uniform, x))

# %% [markdown]
# ## 3. The same as a softmax
#
# Softmax turns any scores into positive weights that sum to 1: exponentials, divided by their sum. Where a score is
# minus infinity the weight is 0. So scores of 0 for the past and minus infinity for the future give the same
# average. This is the form to keep, for now the scores are free to be anything.

# %%
future = torch.ones(t, t, dtype=torch.bool).triu(1)
scores = torch.zeros(t, t).masked_fill(future, -math.inf)
softened = ww.dot("q [k], b [k] c -> b q c", ww.softmax("q [k]", scores), x)
check("the loop and the softmax", looped, softened)

# %% [markdown]
# ## 4. Scores from the data
#
# Now let the words decide. Each has a *query*, what it looks for, and a *key*, what it offers; the score of a pair
# is the dot product of the two. Here verbs ask for nouns, and other words for nothing in particular.
#
# The verb "sat" then puts nearly all of its weight on "cat", the one noun before it, and "ran" shares its own
# between both. Nothing but the vectors decided that.

# %%
asks = torch.zeros(c, c)
asks[2, 1] = 5.0  # from verbs to nouns
query = ww.dot("b q [c], [c] d -> b q d", x, asks)
scores = ww.dot("b q [d], b k [d] -> b q k", query, x).masked_fill(future, -math.inf)
weights = ww.softmax("b q [k]", scores)
show("Verbs look for nouns", weights, words)
assert weights[0, 2].argmax() == words.index("cat")

# %% [markdown]
# ## 5. One head
#
# A model learns what to ask, what to offer and, third, what to pass on: the *values*. Each is a linear layer.
#
# The scores are multiplied by `d ** -0.5`, *before* the softmax. The dot product of two random vectors of d
# features has variance d, and scores that large would push nearly all weight onto one key, where the gradient is
# almost 0. Multiplying after the softmax would be something else: weights that no longer sum to 1.

# %%
c, d = 32, 8
x = torch.randn(b, t, c)
to_query, to_key, to_value = (wn.Linear("b t [c -> d]", bias=False, c=c, d=d) for _ in range(3))


def head(q, k, v):
    """Causal attention of one head: q `b q d`, k and v `b k d`, to `b q d`."""
    scores = ww.dot("b q [d], b k [d] -> b q k", q, k) * q.shape[-1] ** -0.5
    weights = ww.softmax("b q [k]", scores.masked_fill(future, -math.inf))
    return ww.dot("b q [k], b [k] d -> b q d", weights, v)


one_head = head(to_query(x), to_key(x), to_value(x))
print(ww.solve("b t d", one_head))

for size in (8, 512):
    q, k = torch.randn(2, 10_000, size)
    products = ww.dot("n [d], n [d] -> n", q, k)
    print(f"d = {size}: variance of the scores {products.var():.0f}, multiplied {(products * size**-0.5).var():.2f}")

# %% [markdown]
# ## 6. Many heads
#
# One head has one set of weights. Several heads look at several things at once, each with its own share of the
# features. By a loop, or by naming the axis: `(h d)` says that channels are heads times features, and h stays.

# %%
h = c // d
project = {name: wn.Linear("b t [c -> e]", bias=False, c=c, e=c) for name in ("q", "k", "v")}
q, k, v = (layer(x) for layer in project.values())

in_a_loop = torch.cat([head(*parts) for parts in zip(*(y.split(d, dim=-1) for y in (q, k, v)), strict=True)], dim=-1)

scores = ww.dot("b q (h [d]), b k (h [d]) -> b h q k", q, k, h=h) * d**-0.5
weights = ww.softmax("b h q [k]", scores.masked_fill(future, -math.inf))
at_once = ww.dot("b h q [k], b [k] (h d) -> b q (h d)", weights, v)
check("heads in a loop and all at once", in_a_loop, at_once)
show("Four heads without training", weights[0].detach(), words, [f"head {i}" for i in range(h)])

# %% [markdown]
# ## 7. In one operation
#
# All of this is one operation, with the same names. It runs by the library's fused kernel, which never stores the
# weights for all q and k, so it needs less memory and is faster. `explain` says what it means, as loops, and
# shows the code that it becomes.

# %%
expression = "b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)"
fused = ww.attention(expression, q, k, v, h=h, causal=True)
check("step by step and fused", at_once, fused)
split = [ww.rearrange("b t (h d) -> b h t d", y, h=h) for y in (q, k, v)]
by_hand = F.scaled_dot_product_attention(*split, is_causal=True)
check("wirework and torch", fused, ww.rearrange("b h t d -> b t (h d)", by_hand))
print(ww.explain("attention", expression, q, k, v, h=h, causal=True))

# %% [markdown]
# ## The layer
#
# As a layer, with a projection of the result that mixes the heads, and with rotary positions: without any
# position, attention would not know in which order the words before the last one stand.

# %%
layer = wn.Attention(heads=h, dim=c, bias=False, mask=wn.causal)
with torch.no_grad():
    layer.in_proj_weight.copy_(torch.cat([linear.weight for linear in project.values()]))
    layer.out_proj.weight.copy_(torch.eye(c))
check("the layer and the steps", layer(x), at_once)

shuffled = torch.cat([x[:, torch.randperm(t - 1)], x[:, -1:]], dim=1)
check("the last word, whatever the order of those before it", layer(x)[:, -1], layer(shuffled)[:, -1])
layer.position = wn.Rotary("half", dim=d)
moved = (layer(x)[:, -1] - layer(shuffled)[:, -1]).abs().max()
print(f"with rotary positions the order matters: the last word changes by {moved:.2f}")
