"""ONNX models of opset 7 and later, read with the `onnx` package: one function per operator."""

from .model import convert, convert_live, is_live, is_model
from .run import runner

__all__ = ["convert", "convert_live", "is_live", "is_model", "runner"]
