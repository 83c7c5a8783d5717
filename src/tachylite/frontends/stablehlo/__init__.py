"""JAX: functions exported with jax.export, as StableHLO; one function per operator."""

from .model import convert_artifact, convert_live, exported, is_artifact, is_live
from .run import runner

__all__ = ["convert_artifact", "convert_live", "exported", "is_artifact", "is_live", "runner"]
