"""Whether every plugin that somebody demands is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gaffer_kernel import Config, PluginError, PluginInfo
from gaffer_kernel.plugin import did_you_mean
from packaging.version import InvalidVersion, Version

from gaffer_mandatory.requirement import Demand, read_demands

KEY = "mandatory"


def check(config: Config, plugins: Iterable[PluginInfo]) -> None:
    """Find everything that is demanded and not there, by the configuration and by plugins.

    Raises:
        ConfigError: the configuration demands something that is not there; or is not understood.
        PluginError: a plugin does.
    """
    there = {info.name: info for info in plugins}
    section = config.section("gaffer")
    ours, theirs = [], []
    if section is not None and (text := section.get(KEY)) is not None:
        try:
            ours = list(_unmet(read_demands(text), there))
        except ValueError as error:
            raise section.error(KEY, str(error)) from None
    for info in there.values():
        if info.state != "disabled":
            theirs += [(info, reason) for reason in _unmet(_demands_of(info), there)]
    others = [f"plugin {info.name}: requires {reason}" for info, reason in theirs]
    if ours and section is not None:
        raise section.error(KEY, "; ".join([f"requires {ours[0]}", *ours[1:], *others]))
    if theirs:
        (first, reason), *_ = theirs
        raise PluginError(first.name, "; ".join([f"requires {reason}", *others[1:]]))


def _demands_of(info: PluginInfo) -> list[Demand]:
    try:
        return [demand for text in info.mandatory for demand in read_demands(text)]
    except ValueError as error:
        raise PluginError(info.name, f"mandatory: {error}") from None


def _unmet(demands: Iterable[Demand], there: Mapping[str, PluginInfo]) -> Iterable[str]:
    for demand in demands:
        info = there.get(demand.name)
        if info is None:
            hint = did_you_mean(demand.name, there)
            yield f"{demand}, which is not installed{hint}"
        elif info.state == "disabled":
            yield f"{demand}, which is disabled"
        elif info.state == "failed" and not info.opened:
            yield f"{demand}, which is broken"
        elif reason := _wrong_version(demand, info.version):
            yield f"{demand}, which {reason}"


def _wrong_version(demand: Demand, version: str | None) -> str | None:
    if not demand.versions:
        return None
    if version is None:
        return "does not tell its version"
    try:
        # What is installed is installed: 2.0rc1 is later than 1.2.
        fits = demand.versions.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return f"has a version that cannot be compared, {version!r}"
    return None if fits else f"is version {version}"
