"""Operators of ONNX, a family to a file; each enters its functions with `op`."""
