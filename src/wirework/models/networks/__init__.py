"""Architectures without a framework, one readable file each: what `wirework.models` has for each framework."""
