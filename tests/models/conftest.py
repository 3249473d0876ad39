"""The libraries whose models ours must equal."""

from reference_libraries import forget_compiled_code, monai, timm, transformers

__all__ = ["forget_compiled_code", "monai", "timm", "transformers"]
