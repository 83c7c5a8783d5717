"""What can go wrong with an update. None of these touches the model that is active."""

from tachylite.model.errors import TachyliteError


class UpdateError(TachyliteError):
    """The root of all here. `status` is the exit status of the command."""

    status = 1


class NetworkError(UpdateError):
    """The server cannot be reached, or is too slow; trying again later may help."""

    status = 3


class RefusedError(UpdateError):
    """What the server offers is not what the publisher signed, or is out of date."""

    status = 4


class UnfitError(UpdateError):
    """A version is genuine, but this device cannot run it, or it failed its self-test."""

    status = 5


class SpaceError(UpdateError):
    """There is not enough space on the disk, or less than the store may take."""

    status = 6
