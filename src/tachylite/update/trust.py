"""The device's side of The Update Framework: python-tuf's client on metadata that survive a power cut.

python-tuf keeps what it trusts in a folder, and protects the device from old metadata only while those files are whole. So it works on a
copy, which is flushed to the disk before the store's state names it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tachylite.model.extras import extra

from . import disk
from .errors import NetworkError, RefusedError, UpdateError
from .fetch import Fetcher
from .manifest import File

with extra("update", "tuf"):
    from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError, ExpiredMetadataError, RepositoryError
    from tuf.api.metadata import TargetFile
    from tuf.ngclient import Updater


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Errors of python-tuf as ours."""
    try:
        yield
    except ExpiredMetadataError as problem:
        raise RefusedError(
            f"{what}: {problem}; the server has nothing fresh, or this device's clock is wrong. The active model stays"
        ) from problem
    except (RepositoryError, DownloadLengthMismatchError) as problem:
        raise RefusedError(f"{what} is not what the publisher signed: {problem}. The active model stays") from problem
    except DownloadHTTPError as problem:
        raise NetworkError(f"{what}: {problem}; the repository may be incomplete. Try again later") from problem
    except DownloadError as problem:
        raise NetworkError(f"{what}: {problem}. Try again later") from problem


class Trust:
    """Verified metadata of the repository at `url`, in numbered folders below `folder`.

    root: the bytes of a root.json, from which all trust comes.
    """

    def __init__(self, folder: Path, url: str, root: bytes, fetcher: Fetcher):
        self.url = url.rstrip("/")
        self._folder = folder
        self._root = root
        self._fetcher = fetcher
        self._updater: Updater | None = None
        #: The number of the folder to use from now on, after `refresh`.
        self.generation = 0

    def refresh(self, generation: int, targets: list[str]) -> None:
        """Fetch what is new, and what the metadata say of these targets. generation: the number of the folder that is in use.

        What was verified before an error is kept in the folder that `generation` names then. Raises NetworkError, RefusedError.
        """
        self.generation = generation
        current, following = self._folder / str(generation), self._folder / str(generation + 1)
        disk.make_folder(self._folder)
        disk.remove(following)
        if current.is_dir():
            shutil.copytree(current, following, symlinks=True)
        else:
            following.mkdir()
        try:
            with explained("the metadata"):
                self._updater = Updater(str(following), f"{self.url}/metadata/", fetcher=self._fetcher, bootstrap=self._root)
                self._updater.refresh()
                for path in targets:
                    self._updater.get_targetinfo(path)
        finally:
            self._keep(current, following)

    def _keep(self, current: Path, following: Path) -> None:
        if current.is_dir() and _content(current) == _content(following):
            disk.remove(following)
            return
        for path in following.rglob("*"):
            if path.is_dir():
                disk.sync_folder(path)
            elif not path.is_symlink():
                disk.sync_file(path)
        disk.sync_folder(following)
        disk.sync_folder(self._folder)
        self.generation += 1

    def sweep(self) -> None:
        """Remove all folders but the one in use."""
        for path in self._folder.iterdir():
            if path.name != str(self.generation):
                disk.remove(path)

    def target(self, path: str) -> TargetFile:
        """What is signed of a target. Raises NetworkError, RefusedError; UpdateError before `refresh`."""
        if self._updater is None:
            raise UpdateError("nothing is known of the server yet; call check() first")
        with explained(path):
            target = self._updater.get_targetinfo(path)
        if target is None:
            raise RefusedError(f"{path} is not signed by anyone who may; the publisher has to release it again. The active model stays")
        return target

    def file(self, path: str) -> File:
        """What is signed of a target, as a File."""
        target = self.target(path)
        if "sha256" not in target.hashes:
            raise RefusedError(f"{path} is signed without a SHA-256; the publisher has to release it again. The active model stays")
        return File(path, target.hashes["sha256"], target.length)

    def fetch(self, file: File, draft: Path) -> Iterator[int]:
        """Download a target into `draft`, going on where an earlier download ended; the draft is verified when this ends.

        Gives the number of bytes that are there. Raises NetworkError, RefusedError, OSError.
        """
        target = self.target(file.path)
        if target.length != file.size or target.hashes.get("sha256") != file.sha256:
            raise RefusedError(f"{file.path} is signed twice, and differently; the publisher has to release it again")
        folder, _, name = file.path.rpartition("/")
        url = f"{self.url}/targets/{folder}/{file.sha256}.{name}"
        with explained(file.path):
            is_resumed = draft.exists() and draft.stat().st_size > 0
            yield from self._download(url, file, draft)
            if is_resumed and disk.digest(draft) != file.sha256:
                disk.remove(draft)  # what came the time before may have been from another server
                yield from self._download(url, file, draft)
            try:
                with draft.open("rb") as content:
                    target.verify_length_and_hashes(content)
            except RepositoryError:
                disk.remove(draft)  # or the next try would go on with it
                raise

    def _download(self, url: str, file: File, draft: Path) -> Iterator[int]:
        with draft.open("ab") as out:
            if out.tell() > file.size:
                out.truncate(0)
            if out.tell() == file.size:
                return
            for at, chunk in self._fetcher.part(url, out.tell(), file.size):
                if at != out.tell():
                    out.truncate(at)
                    out.seek(at)
                out.write(chunk)
                yield at + len(chunk)


def _content(folder: Path) -> dict[str, bytes]:
    """Names and contents of the files, and where links lead."""
    return {
        str(path.relative_to(folder)): str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }
