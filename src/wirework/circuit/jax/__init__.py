"""Tracing functions of JAX: its own trace of them, a jaxpr, is read equation by equation."""
