"""Blocking queries of an etcd, for programs without trio."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from typing import Self, TypeVar

import msgspec
import trio
from gaffer_client.errors import ArgumentError, ClientError, NoLookupdError, UnreachableError
from gaffer_client.lookup import LookupResult
from gaffer_client.models import LookupJob, LookupSession, Node, Source
from gaffer_client.names import JobName as ClientName
from gaffer_kernel import JobName

from gaffer_lookup.etcd.address import Settings, read_password, read_settings
from gaffer_lookup.etcd.client import Etcd
from gaffer_lookup.etcd.errors import EtcdError, UnavailableError
from gaffer_lookup.etcd.keys import Keys
from gaffer_lookup.etcd.registrations import Registrations
from gaffer_lookup.registry import serializers
from gaffer_lookup.registry.store import Store

PASSWORD_VARIABLE = "GAFFER_ETCD_PASSWORD_FILE"

T = TypeVar("T")


class EtcdLookup:
    """The counterpart of `gaffer_client.Lookup` for an etcd: which gafferd runs what, and where.

    gaffer-cli finds it by the scheme of an address. The first query reads everything once.
    `$GAFFER_ETCD_PASSWORD_FILE` names the file with the password of the user in an address.

    Args:
        urls: `etcd://host:2379` or `etcds://...`, one for each member, or that of the only one.
        token: ignored, because an etcd takes none.
        ca_file: certificates to check theirs with, in place of the system's.
        certificate: the caller's own: a file with certificate and key, or the two files.

    Raises:
        ArgumentError: an argument is invalid.
        NoLookupdError: in queries, no member of the etcd responds.
    """

    def __init__(
        self,
        urls: str | Iterable[str],
        *,
        token: str | None = None,
        ca_file: str | None = None,
        certificate: str | tuple[str, str] | None = None,
    ) -> None:
        members = [urls] if isinstance(urls, str) else list(urls)
        if not members:
            raise ArgumentError("give the address of an etcd")
        self._settings = read_settings(
            members, password=_password(), ca_file=ca_file, certificate=certificate
        )

    def nodes(self) -> LookupResult[list[Node]]:
        """Return all nodes."""
        return _decode(serializers.nodes(self._store), "nodes", list[Node])

    def sessions(self, node: str | None = None) -> LookupResult[list[LookupSession]]:
        """Return all sessions with their jobs; with a name, those of its nodes only."""
        chunks: serializers.JsonChunks | None
        if node is None:
            chunks = serializers.sessions(self._store)
        else:
            chunks = serializers.node_sessions(self._store, node)
        return _decode(chunks or iter((b'{"sessions":[]}',)), "sessions", list[LookupSession])

    def jobs(self) -> LookupResult[list[LookupJob]]:
        """Return all jobs and their sources."""
        return _decode(serializers.jobs(self._store), "jobs", list[LookupJob])

    def find_job(self, name: str, session: str | None = None) -> LookupResult[list[Source]]:
        """Return the sources of a job."""
        job = JobName(*ClientName.parse(name, session))
        return _decode(serializers.find_job(self._store, job), "sources", list[Source])

    def find_session(self, session: str) -> LookupResult[list[LookupJob]]:
        """Return the jobs of a session and their sources."""
        return _decode(serializers.find_session(self._store, session), "jobs", list[LookupJob])

    @cached_property
    def _store(self) -> Store:
        return trio.run(_read, self._settings)

    def close(self) -> None:
        """Do nothing; a Lookup needs to be closed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _decode(chunks: serializers.JsonChunks, key: str, kind: type[T]) -> LookupResult[T]:
    return LookupResult(msgspec.convert(msgspec.json.decode(b"".join(chunks))[key], kind))


async def _read(settings: Settings) -> Store:
    keys = Keys(settings.prefix)
    registrations = Registrations(keys, lambda event, node, **what: None)
    etcd = Etcd(settings)
    try:
        _, pairs = await etcd.read(keys.all)
    except UnavailableError as error:
        unreachable = UnreachableError(error.endpoint, error.reason)
        raise NoLookupdError({error.endpoint: unreachable}) from None
    except EtcdError as error:
        raise ClientError(str(error)) from None
    finally:
        await etcd.aclose()
    registrations.replace(pairs)
    return registrations.store


def _password() -> str | None:
    file = os.environ.get(PASSWORD_VARIABLE)
    if not file:
        return None
    try:
        return read_password(file)
    except ArgumentError as error:
        raise ArgumentError(f"${PASSWORD_VARIABLE}: {error}") from None
