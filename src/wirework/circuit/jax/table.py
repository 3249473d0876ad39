"""Who translates which primitive of JAX's, by its name."""

from wirework.circuit.translators import Translators

TRANSLATORS = Translators()
translates = TRANSLATORS.enter
