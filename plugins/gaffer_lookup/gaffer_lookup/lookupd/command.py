"""What gaffer_lookupd does: puts its kernel together, and runs it."""

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

from gaffer_lookup.lookupd.options import EXPOSED_BIND, HIDDEN_BIND, make_parser, own_names
from gaffer_lookup.lookupd.plugin import Lookupd
from gaffer_lookup.lookupd.store_options import read_store
from gaffer_lookup.registry import Keeper, MemoryKeeper
from gaffer_lookup.registry.backend import Tell

log = logging.getLogger(__name__)

RUNNER = DaemonRunner("gaffer_lookupd")

MAX_CONNECTIONS = 16_384
HIDDEN = (
    f"listening on {HIDDEN_BIND} and [::1]:5010 only: to be reached from other machines it needs"
    " --certfile and --keyfile, and each caller a token, made with gaffer-auth token NAME"
)

OTHER_FILES = 64
"""Descriptors that are no connections."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run gaffer_lookupd.

    Args:
        argv: the command line without the name of the program; that of the process when not given.

    Returns:
        0 after QUIT, TERM or INT; 1 when it could not start, or failed, and has said why in one
        line.

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
        log.warning("%s", HIDDEN)
    plugins = Plugins()
    connections = _connections()
    for plugin in (
        auth_plugin,
        Lookupd(_keeper(options), options.lease, options.share),
        make_http(connections, options.share),
    ):
        plugins.add(plugin)
    return KernelSetup(config, plugins, Path(options.pidfile) if options.pidfile else None)


def make_http(connections: int, share: float) -> HttpHandler:
    """Return the plugin that serves.

    Args:
        connections: how many there may be at a time.
        share: how much of them one caller may have, from 0 to 1.
    """
    return HttpHandler(
        routes=False,
        connections=connections,
        # As many as there are for all: a thousand nodes behind one address reconnect at once.
        unadmitted=max(1, connections // 4),
        per_caller=max(1, int(connections * share)),
    )


def _keeper(options: argparse.Namespace) -> Callable[[Tell], Keeper]:
    """What makes the place where everything is kept."""
    settings = read_store(options)
    if settings is None:
        return MemoryKeeper
    from gaffer_lookup.etcd.backend import EtcdKeeper

    return partial(EtcdKeeper, settings, options.lease)


def _config(options: argparse.Namespace) -> Config:
    """What the command line says, in the words of gaffer-http."""
    hosts = " ".join((*own_names(), *options.host))
    config = Config.from_string(f"[gaffer]\nhttp_hosts = {hosts}\n", "command line")
    config.options.update(
        bind=options.bind,
        default_bind=HIDDEN_BIND if options.certfile is None else EXPOSED_BIND,
        backlog=options.backlog,
        certfile=options.certfile,
        keyfile=options.keyfile,
        client_ca=options.cacert,
        auth=options.auth,
    )
    return config


def _check(config: Config) -> None:
    """Check what is said of certificates, in the words of our own command line."""
    from gaffer_http.plugin_api import read_endpoints

    try:
        read_endpoints(config)
    except ConfigError as error:
        if error.key != "--client_ca":
            raise
        raise ConfigError(error.message, key="--cacert") from None


def _connections() -> int:
    """How many there may be; as many files as the system allows us may be open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + OTHER_FILES
    files = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    return max(1, files - OTHER_FILES)
