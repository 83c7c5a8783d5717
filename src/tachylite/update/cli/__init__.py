"""The commands `tachylite publish …` and `tachylite update …`. Whatever takes time to import is imported by the command that needs it."""

from .device import update
from .publisher import publish

__all__ = ["publish", "update"]
