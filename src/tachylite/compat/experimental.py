"""`tf.lite.experimental`."""

from tachylite.runtime.delegate import load_delegate
from tachylite.runtime.interpreter import OpResolverType

from . import authoring
from .analyzer import Analyzer
from .debugger import QuantizationDebugger, QuantizationDebugOptions

__all__ = ["Analyzer", "OpResolverType", "QuantizationDebugOptions", "QuantizationDebugger", "authoring", "load_delegate"]
