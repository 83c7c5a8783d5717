"""The metadata of a TUF repository as files: who may sign what, and the signatures.

Root names the keys of the four roles of TUF. The role `targets` signs nothing itself: it delegates the files of each channel to a role of
the channel's name, with keys of its own. Snapshots are consistent, so that a server can be filled while devices read from it.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tachylite.model.extras import extra

from . import disk, keys
from .errors import UpdateError
from .manifest import File

with extra("update", "tuf"):
    from securesystemslib.signer import Signer
    from tuf.api.metadata import (
        TOP_LEVEL_ROLE_NAMES,
        DelegatedRole,
        Delegations,
        Metadata,
        MetaFile,
        Root,
        Snapshot,
        TargetFile,
        Targets,
        Timestamp,
    )

DAYS = {"root": 365, "targets": 365, "channel": 90, "snapshot": 21, "timestamp": 3}
"""How long signatures hold. That of timestamp is the longest that anybody can keep an update from a device without being noticed."""


class Repository:
    """Metadata in `public/metadata`, keys in `keys` and in other folders that are named."""

    def __init__(self, folder: Path, key_folders: Sequence[Path] = (), days: dict[str, int] | None = None):
        self.metadata = folder / "public" / "metadata"
        self.keys = folder / "keys"
        self._key_folders = [self.keys, *key_folders]
        self._days = DAYS | (days or {})

    def create(self, channels: Sequence[str], root_keys: int, threshold: int) -> None:
        """Make keys and the first metadata."""
        if not 1 <= threshold <= root_keys:
            raise UpdateError(f"{threshold} of {root_keys} root keys cannot be asked for; the threshold is from 1 to the number of keys")
        disk.make_folder(self.metadata)
        root = Root(consistent_snapshot=True)
        for role in ("root", "targets", "snapshot", "timestamp"):
            for signer in keys.generate(self.keys, role, root_keys if role == "root" else 1):
                root.add_key(signer.public_key, role)
        root.roles["root"].threshold = threshold
        self._sign_root(Metadata(root))
        self._sign("targets", Metadata(Targets(delegations=Delegations({}, {}))))
        for channel in channels:
            self.add_channel(channel)
        self._sign("snapshot", Metadata(Snapshot()))
        self.publish()

    # Channels.

    def channels(self) -> list[str]:
        """Names of the channels."""
        return list(self._delegations(self.load("targets")).roles)

    def add_channel(self, channel: str) -> None:
        """Delegate the files of a channel to a role with a key of its own."""
        if channel in TOP_LEVEL_ROLE_NAMES:
            raise UpdateError(f"a channel cannot be named {channel!r}, which is a role of TUF; name it otherwise")
        [signer] = keys.generate(self.keys, channel, 1)
        metadata = self.load("targets")
        delegations = self._delegations(metadata)
        delegations.roles[channel] = DelegatedRole(channel, [signer.public_key.keyid], 1, terminating=True, paths=[f"{channel}/*"])
        delegations.keys[signer.public_key.keyid] = signer.public_key
        self._sign("targets", metadata)
        self._sign(channel, Metadata(Targets()))

    def set_targets(self, channel: str, files: Iterable[File]) -> None:
        """Let a channel sign these files and no others."""
        metadata = self.load(channel)
        metadata.signed.targets = {file.path: TargetFile(file.size, {"sha256": file.sha256}, file.path) for file in files}
        self._sign(channel, metadata)

    # Signing.

    def load(self, role: str) -> Any:
        """The newest metadata of a role."""
        return Metadata.from_bytes(self._newest(role).read_bytes())

    def _newest(self, role: str) -> Path:
        if role == "timestamp":
            return self.metadata / "timestamp.json"
        versions = [int(path.name.partition(".")[0]) for path in self.metadata.glob(f"*.{role}.json")]
        if not versions:
            raise UpdateError(f"there is no {role} in {self.metadata}; make a repository first (tachylite publish init)")
        return self.metadata / f"{max(versions)}.{role}.json"

    def publish(self) -> None:
        """Sign snapshot and timestamp of what there is now. The timestamp is written last: with it, devices see all the rest."""
        snapshot = self.load("snapshot")
        roles = ["targets", *self.channels()]
        snapshot.signed.meta = {f"{role}.json": MetaFile(self.load(role).signed.version) for role in roles}
        self._sign("snapshot", snapshot)
        try:
            timestamp = self.load("timestamp")
        except FileNotFoundError:
            timestamp = Metadata(Timestamp())
        content = self._newest("snapshot").read_bytes()
        timestamp.signed.snapshot_meta = MetaFile.from_data(snapshot.signed.version, content, ["sha256"])
        self._sign("timestamp", timestamp)

    def renew(self, everything: bool = False) -> list[str]:
        """Sign again what has passed half of its time or `everything`, and the timestamp in any case.

        Returns the roles, root never among them.
        """
        due = [role for role in ("targets", *self.channels()) if everything or self._is_due(role)]
        for role in due:
            self._sign(role, self.load(role))
        if due or everything or self._is_due("snapshot"):
            self.publish()
            return [*due, "snapshot", "timestamp"]
        self._sign("timestamp", self.load("timestamp"))  # devices that look learn in two requests that there is nothing new
        return ["timestamp"]

    def _is_due(self, role: str) -> bool:
        return bool(self.load(role).signed.expires - datetime.now(UTC) < timedelta(days=self._lifetime(role)) / 2)

    def _lifetime(self, role: str) -> int:
        return self._days.get(role, self._days["channel"])

    def _sign(self, role: str, metadata: Any) -> None:
        """Write the next version of a role's metadata, signed by all of its keys that are here."""
        delegator = self.load("root").signed if role in TOP_LEVEL_ROLE_NAMES else self.load("targets").signed
        rule = delegator.get_delegated_role(role)
        signers = keys.load(self._key_folders, rule.keyids, role, rule.threshold)
        if metadata.signatures:
            metadata.signed.version += 1
        self._write(role, metadata, signers)

    def _sign_root(self, metadata: Any, before: Any = None) -> None:
        """Write the next root, signed by enough of its own keys and of those of the one before."""
        rules = [m.signed.roles["root"] for m in (before, metadata) if m is not None]
        signers = {s.public_key.keyid: s for rule in rules for s in keys.load(self._key_folders, rule.keyids, "root", rule.threshold)}
        if before is not None:
            metadata.signed.version = before.signed.version + 1
        self._write("root", metadata, list(signers.values()))

    def _write(self, role: str, metadata: Any, signers: Sequence[Signer]) -> None:
        metadata.signed.expires = datetime.now(UTC) + timedelta(days=self._lifetime(role))
        metadata.signatures.clear()
        for signer in signers:
            metadata.sign(signer, append=True)
        name = "timestamp.json" if role == "timestamp" else f"{metadata.signed.version}.{role}.json"
        disk.write(self.metadata / name, [metadata.to_bytes()])

    # Keys.

    def rotate(self, role: str) -> list[str]:
        """Give a role new keys, as many as it had; the old ones are worth nothing from then on. Returns the ids of the new ones.

        The keys of root are needed, for a channel those of targets. Whatever the role had signed is signed again.
        """
        if role in TOP_LEVEL_ROLE_NAMES:
            fresh = self._rotate_in_root(role)
        elif role in self.channels():
            metadata = self.load("targets")
            fresh = self._replace_keys(self._delegations(metadata), role)
            self._sign("targets", metadata)
        else:
            raise UpdateError(f"there is no role {role!r}; there are {', '.join((*sorted(TOP_LEVEL_ROLE_NAMES), *self.channels()))}")
        if role not in ("root", "snapshot", "timestamp"):
            self._sign(role, self.load(role))
        self.publish()
        return fresh

    def _rotate_in_root(self, role: str) -> list[str]:
        before, metadata = self.load("root"), self.load("root")
        fresh = self._replace_keys(metadata.signed, role)
        self._sign_root(metadata, before)
        return fresh

    def _replace_keys(self, delegator: Any, role: str) -> list[str]:
        """New keys for a role in a Root or in Delegations."""
        rule = delegator.roles[role]
        signers = keys.generate(self.keys, role, len(rule.keyids))
        rule.keyids = [signer.public_key.keyid for signer in signers]
        delegator.keys |= {signer.public_key.keyid: signer.public_key for signer in signers}
        used = {keyid for each in delegator.roles.values() for keyid in each.keyids}
        delegator.keys = {keyid: key for keyid, key in delegator.keys.items() if keyid in used}
        return list(rule.keyids)

    def _delegations(self, metadata: Any) -> Any:
        return metadata.signed.delegations

    def expiries(self) -> dict[str, datetime]:
        """When the signatures of each role end to hold."""
        return {role: self.load(role).signed.expires for role in ("root", "targets", *self.channels(), "snapshot", "timestamp")}
