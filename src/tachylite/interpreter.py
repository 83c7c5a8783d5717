"""A drop-in for `tflite_runtime.interpreter` and `ai_edge_litert.interpreter`: change the import, keep the script."""

from tachylite.runtime.delegate import LoadedDelegate as Delegate
from tachylite.runtime.delegate import load_delegate
from tachylite.runtime.interpreter import Interpreter, InterpreterWithCustomOps, OpResolverType
from tachylite.runtime.signature import SignatureRunner

__all__ = ["Delegate", "Interpreter", "InterpreterWithCustomOps", "OpResolverType", "SignatureRunner", "load_delegate"]
