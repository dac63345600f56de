"""One question to an etcd, as programs without trio ask it of lookupds."""

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
from gaffer_lookup.etcd.errors import EtcdError, Unavailable
from gaffer_lookup.etcd.keys import Keys
from gaffer_lookup.etcd.registrations import Roll
from gaffer_lookup.registry import serializers as views
from gaffer_lookup.registry.store import Store

PASSWORD_VARIABLE = "GAFFER_ETCD_PASSWORD_FILE"

T = TypeVar("T")


class EtcdLookup:
    """What `gaffer_client.Lookup` is for lookupds, for an etcd: which gafferd runs what, and where.

    gaffer-cli finds it by the scheme of an address. Everything is read once, when it is first
    asked. `$GAFFER_ETCD_PASSWORD_FILE` names the file with the password of the user in an address.

    Args:
        urls: `etcd://host:2379` or `etcds://...`, one for each member, or that of the only one.
        token: means nothing to an etcd.
        ca_file: certificates to check theirs against, in place of the system's.
        certificate: the caller's own: a file with certificate and key, or the two files.

    Raises:
        ArgumentError: one of these means nothing.
        NoLookupdError: asked something, no member of the etcd answers.
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
        """All nodes."""
        return _found(views.nodes(self._store), "nodes", list[Node])

    def sessions(self, node: str | None = None) -> LookupResult[list[LookupSession]]:
        """All sessions with their jobs; those of the nodes of a name alone, if there is one."""
        store = self._store
        told = views.sessions(store) if node is None else views.sessions_of(store, node)
        return _found(told or iter((b'{"sessions":[]}',)), "sessions", list[LookupSession])

    def jobs(self) -> LookupResult[list[LookupJob]]:
        """All jobs, and who has them."""
        return _found(views.every_job(self._store), "jobs", list[LookupJob])

    def find_job(self, name: str, session: str | None = None) -> LookupResult[list[Source]]:
        """Who has a job."""
        job = JobName(*ClientName.parse(name, session))
        return _found(views.find_job(self._store, job), "sources", list[Source])

    def find_session(self, session: str) -> LookupResult[list[LookupJob]]:
        """The jobs of a session, and who has them."""
        return _found(views.find_session(self._store, session), "jobs", list[LookupJob])

    @cached_property
    def _store(self) -> Store:
        return trio.run(_read, self._settings)

    def close(self) -> None:
        """There is nothing to close; a Lookup can be closed, too."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _found(told: views.Pieces, key: str, kind: type[T]) -> LookupResult[T]:
    return LookupResult(msgspec.convert(msgspec.json.decode(b"".join(told))[key], kind))


async def _read(settings: Settings) -> Store:
    keys = Keys(settings.prefix)
    roll = Roll(keys, lambda event, node, **what: None)
    etcd = Etcd(settings)
    try:
        _, pairs = await etcd.read(keys.all)
    except Unavailable as error:
        unreachable = UnreachableError(error.endpoint, error.reason)
        raise NoLookupdError({error.endpoint: unreachable}) from None
    except EtcdError as error:
        raise ClientError(str(error)) from None
    finally:
        await etcd.aclose()
    roll.replace(pairs)
    return roll.store


def _password() -> str | None:
    file = os.environ.get(PASSWORD_VARIABLE)
    if not file:
        return None
    try:
        return read_password(file)
    except ArgumentError as error:
        raise ArgumentError(f"${PASSWORD_VARIABLE}: {error}") from None
