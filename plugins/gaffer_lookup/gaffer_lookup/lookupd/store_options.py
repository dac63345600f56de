"""The options for the etcd in which gaffer_lookupd keeps its nodes."""

from __future__ import annotations

import argparse

from gaffer_client.errors import ArgumentError
from gaffer_kernel import ConfigError

from gaffer_lookup.etcd.address import Settings, read_password, read_settings

OPTIONS = ("store_password_file", "store_cacert", "store_certfile", "store_keyfile")


def read_store(options: argparse.Namespace) -> Settings | None:
    """Read the settings of the etcd; None without `--store`.

    Raises:
        ConfigError: an option is invalid, or its file cannot be used.
    """
    if not options.store:
        for name in OPTIONS:
            if getattr(options, name) is not None:
                raise ConfigError("needs --store", key=f"--{name.replace('_', '-')}")
        return None
    try:
        return read_settings(
            options.store,
            password=_password(options.store_password_file),
            ca_file=options.store_cacert,
            certificate=_certificate(options.store_certfile, options.store_keyfile),
        )
    except ArgumentError as error:
        raise ConfigError(str(error), key="--store") from None


def _password(file: str | None) -> str | None:
    if file is None:
        return None
    try:
        return read_password(file)
    except ArgumentError as error:
        raise ConfigError(str(error), key="--store-password-file") from None


def _certificate(file: str | None, key: str | None) -> str | tuple[str, str] | None:
    if file is None and key is not None:
        raise ConfigError("needs --store-certfile", key="--store-keyfile")
    return (file, key) if file and key else file
