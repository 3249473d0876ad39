"""Tracing PyTorch: what each of its functions is in a circuit. Loaded when a tensor or a module is first traced."""
