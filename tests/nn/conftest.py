"""The libraries whose layers ours must equal."""

from reference_libraries import forget_compiled_code, timm_layers, transformers

__all__ = ["forget_compiled_code", "timm_layers", "transformers"]
