"""The one graph that diagrams, costs and fusion read: operations on arrays with named axes."""

from wirework.circuit.graph import Circuit, Node, Reference, Value

__all__ = ["Circuit", "Node", "Reference", "Value"]
