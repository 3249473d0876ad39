"""Circuits as people read them."""

from html.parser import HTMLParser

from circuit.making import Maker, attention, layers

ATTENTION = """\
attention(x: b q m, y: b k m) -> b q m
  b, q, m = 8, k, h = 2, c = 4
  4 parameters (float32)

query: Linear
  x6   dot        b q [m], [m] (h c) -> b q (h c)  x, query.weight  (b, q, 8)
key: Linear
  x7   dot        b k [m], [m] (h c) -> b k (h c)  y, key.weight    (b, k, 8)
value: Linear
  x8   dot        b k [m], [m] (h c) -> b k (h c)  y, value.weight  (b, k, 8)
x9     rearrange  b q (h c) -> b h q c             x6               (b, 2, q, 4)
x10    rearrange  b k (h c) -> b h k c             x7               (b, 2, k, 4)
x11    rearrange  b k (h c) -> b h k c             x8               (b, 2, k, 4)
x12    dot        b h q [c], b h k [c] -> b h q k  x9, x10          (b, 2, q, k)
x13    constant   ->                               value=0.5        ()
x14    multiply   b h q k, -> b h q k              x12, x13         (b, 2, q, k)
x15    softmax    b h q [k] -> b h q [k]           x14              (b, 2, q, k)
x16    dot        b h q [k], b h [k] c -> b h q c  x15, x11         (b, 2, q, 4)
x17    rearrange  b h q c -> b q (h c)             x16              (b, q, 8)
out: Linear
  x18  dot        b q [(h c)], [(h c)] m -> b q m  x17, out.weight  (b, q, 8)"""

LAYERS = """\
value       operation  expression                 of                   shape
blocks
  3 times: blocks.0 to blocks.2
    0: Layer
      norm: Norm
        x2  normalise  b t [c]                    x, epsilon=1e-05     (b, t, 4)
      linear: Linear
        x3  dot        b t [c], [c] c2 -> b t c2  x2, blocks.0.weight  (b, t, 4)
      x4    gelu       b t c2 -> b t c2           x3                   (b, t, 4)
      x5    add        b t c, b t c -> b t c      x, x4                (b, t, 4)"""


def test_print_shows_every_operation():
    assert str(attention()) == ATTENTION


def test_a_table_is_folded():
    assert layers().table() == LAYERS
    assert layers().table(folded=False).count("gelu") == 3


def test_repr_is_short():
    assert repr(layers()) == "<Circuit layers: 12 operations>"


def test_keywords_options_and_types_are_shown():
    make = Maker("f")
    x, w, ids = make.input("b c", "x"), make.parameter("d c", "w"), make.buffer("b", "ids", "int64")
    bias = make.parameter("d", "bias")
    y = make.node("dot", "b [c], d [c] -> b d", [x, w, bias], keywords=["bias"])
    text = str(make.circuit(y, make.node("cast", "b -> b", [ids], dtype="bool")))
    assert "x, w, bias=bias" in text and "ids, dtype=bool" in text
    assert text.startswith("f(x: b c) -> b d, b bool\n  b, c, d\n  2 parameters (float32)\n  1 buffer (int64)")


def test_an_empty_circuit():
    make = Maker("nothing")
    x = make.input("b", "x")
    assert str(make.circuit(x)) == "nothing(x: b) -> b\n  b\n"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_html_has_a_table_for_each_block():
    tags = Tags()
    tags.feed(layers()._repr_html_())
    assert tags.open == []
    assert tags.seen.count("details") == 5 and tags.seen.count("table") == 3
    assert "b t [c], [c] c2 -> b t c2" in tags.text and "3 times: blocks.0 to blocks.2" in tags.text
