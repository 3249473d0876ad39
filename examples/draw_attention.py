"""Multi-head attention, drawn from the code that runs it.

    python examples/draw_attention.py [FILE]

writes `attention.svg`, or any other of .svg, .html, .tex, .pdf, .png and .txt.
"""

import sys

import torch
from torch import nn

import wirework as ww


class MultiHeadAttention(nn.Module):
    """Queries are made of `y`, keys and values of `x`: `y m, x m -> y m`."""

    def __init__(self, m: int, h: int, k: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Parameter(torch.randn(m, k, h)) for _ in range(3))
        self.o = nn.Parameter(torch.randn(k, h, m))

    def forward(self, y, x):
        q = ww.dot("y [m], [m] k h -> y k h", y, self.q)
        k = ww.dot("x [m], [m] k h -> x k h", x, self.k)
        v = ww.dot("x [m], [m] k h -> x k h", x, self.v)
        with ww.block("Scaled Dot-Product Attention"):
            scores = ww.dot("y [k] h, x [k] h -> y x h", q, k) * k.shape[1] ** -0.5
            mixed = ww.dot("y [x] h, [x] k h -> y k h", ww.softmax("y [x] h", scores), v)
        return ww.dot("y [k h], [k h] m -> y m", mixed, self.o)


circuit = ww.trace(MultiHeadAttention(m=512, h=8, k=64), "y m", "x m")
diagram = circuit.draw(title="Multi-Head Attention", legend=False)
diagram.save(sys.argv[1] if len(sys.argv) > 1 else "attention.svg")
print(diagram.text())
