"""TensorFlow's SavedModels and frozen graphs, read without TensorFlow: one function per operator."""

from .live import convert_live, is_live
from .model import convert_graph, convert_saved_model, is_graph, is_saved_model

__all__ = ["convert_graph", "convert_live", "convert_saved_model", "is_graph", "is_live", "is_saved_model"]
