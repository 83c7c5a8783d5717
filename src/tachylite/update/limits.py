"""How much an update may take, so that no server can fill the disk or hold the device up."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of what is downloaded.

    silence: seconds without a byte; slowest: bytes per second, on average, that a file has to come at once `silence` has passed;
    metadata_seconds: for one file of metadata; file_bytes: of one file; store_bytes: of the whole store.
    """

    silence: float = 30.0
    slowest: int = 1000
    metadata_seconds: float = 120.0
    file_bytes: int = 1 << 31
    store_bytes: int = 1 << 33

    def seconds(self, size: int) -> float:
        """The longest that a file of so many bytes may take."""
        return self.silence + size / self.slowest
