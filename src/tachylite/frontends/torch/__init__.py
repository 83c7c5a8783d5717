"""PyTorch: programs that torch.export gives, before they are decomposed; one function per operator of aten."""

from .model import convert_archive, convert_live, is_archive, is_live
from .run import runner

__all__ = ["convert_archive", "convert_live", "is_archive", "is_live", "runner"]
