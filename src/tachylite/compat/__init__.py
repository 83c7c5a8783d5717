"""tf.lite's names over Tachylite: `from tachylite import compat as lite`, and a script that used `tf.lite` goes on as it is.

docs/differences.md lists what is left out and why.
"""

from tachylite.runtime.interpreter import Interpreter

from . import experimental
from .converter import TFLiteConverter
from .settings import OpsSet, Optimize, RepresentativeDataset, TargetSpec

__all__ = ["Interpreter", "OpsSet", "Optimize", "RepresentativeDataset", "TFLiteConverter", "TargetSpec", "experimental"]
