"""`tf.lite.experimental.authoring`: find out while writing a function whether it can be converted."""

import functools
from collections.abc import Callable
from typing import Any

from tachylite.frontends.source import convert
from tachylite.model.errors import UnsupportedError

from .settings import TargetSpec


class CompatibilityError(Exception):
    """The function cannot be converted; the message lists what of it."""


def compatible(target: Any = None, converter_target_spec: TargetSpec | None = None, **kwargs: Any) -> Any:
    """A decorator for a tf.function, which is then converted at its first call.

    What cannot be converted is printed, and kept for `get_compatibility_log`; raise_exception=True raises a CompatibilityError instead.
    converter_target_spec: has no effect, since only builtin operators are written.
    """
    if target is None:
        return functools.partial(compatible, converter_target_spec=converter_target_spec, **kwargs)
    return _Compatible(target, **kwargs)


class _Compatible:
    def __init__(self, function: Callable[..., Any], raise_exception: bool = False):
        functools.update_wrapper(self, function)
        self._function = function
        self._raises = raise_exception
        self._log: list[str] | None = None

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._check(arguments, named)
        return self._function(*arguments, **named)

    def get_concrete_function(self, *arguments: Any, **named: Any) -> Any:
        """As of the function itself."""
        self._check(arguments, named)
        return self._function.get_concrete_function(*arguments, **named)  # type: ignore[attr-defined]

    def get_compatibility_log(self) -> list[str]:
        """What cannot be converted, a line each. Raises RuntimeError before the first call."""
        if self._log is None:
            raise RuntimeError("target compatibility isn't checked yet; call the function first")
        return self._log

    def _check(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if self._log is not None:
            return
        self._log = []
        try:
            convert(self._function.get_concrete_function(*arguments, **named))  # type: ignore[attr-defined]
        except UnsupportedError as problem:
            self._log = [line.strip() for line in str(problem).splitlines()[1:]]
            if self._raises:
                raise CompatibilityError(str(problem)) from problem
            print(f"COMPATIBILITY WARNING: {problem}")
