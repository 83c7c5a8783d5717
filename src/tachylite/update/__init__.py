"""Signed model updates that cannot brick a device: `Publisher` makes static files (see The Update Framework), `Store` is the device."""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Store": "store",
    "Offer": "store",
    "Live": "live",
    "Limits": "limits",
    "Publisher": "publisher",
    "NetworkError": "errors",
    "RefusedError": "errors",
    "SpaceError": "errors",
    "UnfitError": "errors",
    "UpdateError": "errors",
}

__all__ = [*_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tachylite.update' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    return value
