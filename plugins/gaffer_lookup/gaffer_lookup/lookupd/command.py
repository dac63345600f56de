"""The command gaffer_lookupd: builds its kernel and runs it."""

from __future__ import annotations

import argparse
import logging
import resource
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from gaffer_auth.plugin import plugin as auth_plugin
from gaffer_http import HttpHandler
from gaffer_kernel import Config, ConfigError, Plugins
from gaffer_kernel.plugin import DaemonRunner, KernelSetup, start_logging

from gaffer_lookup.lookupd.options import LOOPBACK_BIND, NETWORK_BIND, make_parser, own_names
from gaffer_lookup.lookupd.plugin import Lookupd
from gaffer_lookup.lookupd.store_options import read_store
from gaffer_lookup.registry import Backend, MemoryBackend
from gaffer_lookup.registry.backend import Publish

log = logging.getLogger(__name__)

RUNNER = DaemonRunner("gaffer_lookupd")

MAX_CONNECTIONS = 16_384
LOOPBACK_NOTICE = (
    f"listening on {LOOPBACK_BIND} and [::1]:5010 only: for other machines give --certfile and"
    " --keyfile, and create a token for each caller with gaffer-auth token NAME"
)

OTHER_FILES = 64
"""File descriptors that are not connections."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run gaffer_lookupd.

    Args:
        argv: the command line without the name of the program; that of the process when not given.

    Returns:
        0 after SIGQUIT, SIGTERM or SIGINT; 1 when it could not start, or failed, after a line that
        says why.

    Raises:
        SystemExit: with 2 for wrong usage, with 0 after `--version` and `--help`.
    """
    return RUNNER.main(partial(_command, sys.argv[1:] if argv is None else argv))


def _command(argv: Sequence[str]) -> int:
    options = make_parser().parse_args(argv)
    start_logging("info" if options.verbose else "warning", options.error_log)
    return RUNNER.run(
        partial(_prepare, options), daemon=options.daemon, in_log=options.error_log is not None
    )


def _prepare(options: argparse.Namespace) -> KernelSetup:
    config = _config(options)
    _check(config)
    if options.bind is None and options.certfile is None:
        log.warning("%s", LOOPBACK_NOTICE)
    plugins = Plugins()
    connections = _get_connection_limit()
    for plugin in (
        auth_plugin,
        Lookupd(_make_backend_factory(options), options.lease, options.share),
        make_http(connections, options.share),
    ):
        plugins.add(plugin)
    return KernelSetup(config, plugins, Path(options.pidfile) if options.pidfile else None)


def make_http(connections: int, share: float) -> HttpHandler:
    """Make the plugin that serves HTTP.

    Args:
        connections: the most connections at a time.
        share: the part of them that one caller may have, from 0 to 1.
    """
    return HttpHandler(
        routes=False,
        connections=connections,
        # One address may use all of these: a thousand nodes behind one address reconnect at once.
        unadmitted=max(1, connections // 4),
        per_caller=max(1, int(connections * share)),
    )


def _make_backend_factory(options: argparse.Namespace) -> Callable[[Publish], Backend]:
    """Return the function that makes the backend which the options ask for."""
    settings = read_store(options)
    if settings is None:
        return MemoryBackend
    from gaffer_lookup.etcd.backend import EtcdBackend

    return partial(EtcdBackend, settings, options.lease)


def _config(options: argparse.Namespace) -> Config:
    """Translate the command line into the configuration of gaffer-http."""
    hosts = " ".join((*own_names(), *options.host))
    config = Config.from_string(f"[gaffer]\nhttp_hosts = {hosts}\n", "command line")
    config.options.update(
        bind=options.bind,
        default_bind=LOOPBACK_BIND if options.certfile is None else NETWORK_BIND,
        backlog=options.backlog,
        certfile=options.certfile,
        keyfile=options.keyfile,
        client_ca=options.cacert,
        auth=options.auth,
    )
    return config


def _check(config: Config) -> None:
    """Check the options for certificates, and name our own option in the error."""
    from gaffer_http.plugin_api import read_endpoints

    try:
        read_endpoints(config)
    except ConfigError as error:
        if error.key != "--client_ca":
            raise
        raise ConfigError(error.message, key="--cacert") from None


def _get_connection_limit() -> int:
    """Raise the limit of open files as far as the system allows, and return what it permits."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MAX_CONNECTIONS + OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        files = min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(1, files - OTHER_FILES)
