"""Keras models: `.keras` and `.h5` files of every version, and live models."""

from .model import convert, convert_live, is_archive, is_live, layer_names

__all__ = ["convert", "convert_live", "is_archive", "is_live", "layer_names"]
