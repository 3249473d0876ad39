"""Layers: one framework-neutral definition each, and one thin adapter per framework.

Import the adapter of your framework, for instance `import wirework.nn.torch as wn`.
"""
