"""Finds the requirements of the configuration and of plugins that are not met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gaffer_kernel import Config, PluginError, PluginInfo
from gaffer_kernel.plugin import did_you_mean
from packaging.version import InvalidVersion, Version

from gaffer_mandatory.requirement import Requirement, parse_requirements

KEY = "mandatory"


def check(config: Config, plugins: Iterable[PluginInfo]) -> None:
    """Raise one error for all requirements that are not met.

    Raises:
        ConfigError: the configuration requires a plugin that is missing, or its list is not valid.
        PluginError: a plugin does.
    """
    installed = {info.name: info for info in plugins}
    section = config.section("gaffer")
    ours, theirs = [], []
    if section is not None and (text := section.get(KEY)) is not None:
        try:
            ours = list(_unmet(parse_requirements(text), installed))
        except ValueError as error:
            raise section.error(KEY, str(error)) from None
    for info in installed.values():
        if info.state != "disabled":
            theirs += [(info, reason) for reason in _unmet(_get_requirements(info), installed)]
    others = [f"plugin {info.name}: requires {reason}" for info, reason in theirs]
    if ours and section is not None:
        raise section.error(KEY, "; ".join([f"requires {ours[0]}", *ours[1:], *others]))
    if theirs:
        (first, reason), *_ = theirs
        raise PluginError(first.name, "; ".join([f"requires {reason}", *others[1:]]))


def _get_requirements(info: PluginInfo) -> list[Requirement]:
    try:
        return [each for text in info.mandatory for each in parse_requirements(text)]
    except ValueError as error:
        raise PluginError(info.name, f"mandatory: {error}") from None


def _unmet(
    requirements: Iterable[Requirement], installed: Mapping[str, PluginInfo]
) -> Iterable[str]:
    for requirement in requirements:
        info = installed.get(requirement.name)
        if info is None:
            hint = did_you_mean(requirement.name, installed)
            yield f"{requirement}, which is not installed{hint}"
        elif info.state == "disabled":
            yield f"{requirement}, which is disabled"
        elif info.state == "failed" and not info.opened:
            yield f"{requirement}, which is broken"
        elif reason := _wrong_version(requirement, info.version):
            yield f"{requirement}, which {reason}"


def _wrong_version(requirement: Requirement, version: str | None) -> str | None:
    if not requirement.versions:
        return None
    if version is None:
        return "has no version"
    try:
        # An installed pre-release counts: 2.0rc1 is later than 1.2.
        fits = requirement.versions.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return f"has a version that cannot be compared, {version!r}"
    return None if fits else f"is version {version}"
