"""What other projects call the same weights, and how they lay them out.

A rule says both at once, in both directions:

>>> qkv = rule("layers.*.{q,k,v}_proj.weight", "blocks.*.attn.in_proj_weight", "d c, d c, d c -> (d + d + d) c")
>>> qkv.pair("blocks.3.attn.in_proj_weight")
Pair(theirs=('layers.3.q_proj.weight', 'layers.3.k_proj.weight', 'layers.3.v_proj.weight'), \
ours=('blocks.3.attn.in_proj_weight',), expression='d c, d c, d c -> (d + d + d) c')

In a pattern `*` stands for one part of a name, between dots, and `{a,b}` makes one name for each of its words.
The expression is that of a rearrangement from their arrays to ours; read backwards it leads from ours to theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import wirework as ww

Array = Any  # an array of any framework


class Pair(NamedTuple):
    """Some of their arrays and some of ours that hold the same numbers."""

    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    expression: str = ""

    def to_ours(self, arrays: Iterable[Array], sizes: Mapping[str, int]) -> list[Array]:
        """Our arrays from theirs, in order."""
        return rearranged(self.expression, list(arrays), sizes)

    def to_theirs(self, arrays: Iterable[Array], sizes: Mapping[str, int]) -> list[Array]:
        """Their arrays from ours, in order."""
        theirs, arrow, ours = self.expression.partition(" -> ")
        return rearranged(f"{ours}{arrow}{theirs}", list(arrays), sizes)


def rearranged(expression: str, arrays: list[Array], sizes: Mapping[str, int]) -> list[Array]:
    """Arrays as an expression says, or as they are without one."""
    if not expression:
        return arrays
    named = {name: size for name, size in sizes.items() if re.search(rf"\b{name}\b", expression)}
    found = ww.rearrange(expression, *arrays, sizes=named)
    return list(found) if isinstance(found, tuple) else [found]


@dataclass(frozen=True)
class Rule:
    """Patterns for their names and for ours, and the expression that leads from theirs to ours."""

    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    expression: str = ""

    def pair(self, our_name: str) -> Pair | None:
        """The arrays that belong together with one of ours, if the rule speaks of it."""
        for pattern in self.ours:
            found = matcher(pattern).fullmatch(our_name)
            if found:
                filled = [[fill(p, found.groups()) for p in patterns] for patterns in (self.theirs, self.ours)]
                return Pair(tuple(filled[0]), tuple(filled[1]), self.expression)
        return None


def rule(theirs: str, ours: str, expression: str = "") -> Rule:
    """A rule from patterns with `*` and `{a,b}`."""
    return Rule(tuple(alternatives(theirs)), tuple(alternatives(ours)), expression)


def alternatives(pattern: str) -> Iterator[str]:
    """One pattern for each word in braces."""
    before, brace, rest = pattern.partition("{")
    if not brace:
        yield pattern
        return
    words, _, after = rest.partition("}")
    for word in words.split(","):
        yield from alternatives(before + word + after)


@lru_cache(maxsize=4096)
def matcher(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression with one group for each `*`."""
    return re.compile(re.escape(pattern).replace(r"\*", r"([^.]+)"))


def fill(pattern: str, words: Iterable[str]) -> str:
    """A pattern with its `*` replaced by words, in order."""
    first, *others = pattern.split("*")
    return first + "".join(word + part for word, part in zip(words, others, strict=True))


@dataclass(frozen=True)
class Names:
    """The names of a whole model: rules, of which the first that speaks of an array counts.

    Attributes:
        rules: for every array of ours.
        prefix: what all their names may begin with, or may not: that of a model inside another one.
        ignored: patterns of their names that hold nothing to read, such as tables that can be computed.
    """

    rules: tuple[Rule, ...]
    prefix: str = ""
    ignored: tuple[str, ...] = ()

    def pairs(self, our_names: Iterable[str]) -> list[Pair]:
        """Every array of ours with its counterpart.

        Raises:
            ValueError: if no rule speaks of one.
        """
        found: dict[Pair, None] = {}
        for name in our_names:
            pair = next((pair for each in self.rules if (pair := each.pair(name))), None)
            if pair is None:
                raise ValueError(f"no rule says what {name} is called in the file")
            found[pair] = None
        return list(found)

    def ignores(self, their_name: str) -> bool:
        """Whether an array of theirs holds nothing to read."""
        return any(matcher(pattern).fullmatch(their_name) for pattern in self.ignored)

    def without_prefix(self, their_names: Iterable[str]) -> Names:
        """The names of a file whose arrays do not have the prefix."""
        if not self.prefix or any(name.startswith(self.prefix) for name in their_names):
            return self
        rules = tuple(
            Rule(tuple(name.removeprefix(self.prefix) for name in each.theirs), each.ours, each.expression)
            for each in self.rules
        )
        return Names(rules, "", tuple(pattern.removeprefix(self.prefix) for pattern in self.ignored))


SAME_NAMES = Names(())
