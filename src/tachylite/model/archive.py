"""The zip archive at the end of a `.tflite` file, which holds the files that its metadata names (labels, vocabularies)."""

import io
from typing import Any

from .errors import FileError

#: The end of central directory record, with which an archive ends, and the most that can follow its signature.
SIGNATURE = b"PK\x05\x06"
LONGEST_END = 22 + 65535

#: Archives that claim to expand further than any text does are refused.
MOST_EXPANSION = 1100


def read_archive(data: memoryview) -> dict[str, bytes]:
    """The files packed at the end of `data` by name; none where it does not end with an archive."""
    if SIGNATURE not in bytes(data[-LONGEST_END:]):
        return {}
    import zipfile  # rarely needed, and slow to import

    try:
        archive = zipfile.ZipFile(_View(data))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError):
        return {}  # constants may hold those four bytes by chance
    with archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > MOST_EXPANSION * len(data):
            raise FileError("the files packed with the model claim to be far larger than the archive can hold; it is damaged or hostile")
        try:
            return {entry.filename: archive.read(entry) for entry in entries}
        except Exception as problem:
            raise FileError(f"the files packed with the model cannot be unpacked: {problem}; the file is damaged") from problem


def write_archive(files: dict[str, bytes], offset: int) -> bytes:
    """An archive of `files` to follow `offset` bytes. Nothing is compressed, because readers map the files in place."""
    import zipfile

    stream = _Offset(offset)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # ZipInfo's date is fixed, so that equal models give equal bytes
    return stream.getvalue()


class _View(io.RawIOBase):
    """A stream that reads from `data` in place, however large they are."""

    def __init__(self, data: memoryview):
        self.data = data
        self.at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: len(self.data)}[whence]
        if start + position < 0:
            raise ValueError("position before the beginning")
        self.at = start + position
        return self.at

    def readinto(self, buffer: Any) -> int:
        piece = self.data[self.at : self.at + len(buffer)]
        buffer[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)


class _Offset(io.BytesIO):
    """A stream that counts its positions from those bytes before it."""

    def __init__(self, offset: int):
        super().__init__()
        self.offset = offset

    def tell(self) -> int:
        return super().tell() + self.offset

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        return super().seek(position - self.offset if whence == io.SEEK_SET else position, whence) + self.offset
