"""Callers for tests: a plugin that knows tokens and certificates, without gaffer-auth."""

from contextlib import contextmanager

import trio
from gaffer_kernel import hookimpl

RIGHTS = ("read", "write", "manage")


class Known:
    """A caller with a right in some sessions, or in all of them."""

    def __init__(self, name, right="manage", sessions=None):
        self.name = name
        self.right = right
        self.sessions = sessions
        self.scopes = set()

    def may(self, right, session=None):
        return RIGHTS.index(right) <= RIGHTS.index(self.right) and (
            self.sessions is None or session in self.sessions
        )

    @contextmanager
    def admitted(self):
        with trio.CancelScope() as scope:
            self.scopes.add(scope)
            yield
        self.scopes.discard(scope)

    def revoke(self):
        for scope in self.scopes:
            scope.cancel()


class People:
    """The plugin. `seen` has the credentials it was asked about."""

    name = "people"

    def __init__(self, tokens=(), certificates=()):
        self.tokens = dict(tokens)
        self.certificates = dict(certificates)
        self.seen = []

    @hookimpl(optionalhook=True)
    def gaffer_http_caller(self, credentials):
        self.seen.append(credentials)
        if credentials.token is not None:
            return self.tokens.get(credentials.token)
        names = dict(each[0] for each in credentials.certificate["subject"])
        return self.certificates.get(names.get("commonName"))
