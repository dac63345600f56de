"""Settings of several plugins become one, or an error that names both."""

import pytest

from gaffer_kernel.errors import SpawnError
from gaffer_kernel.spawn_settings import (
    Cgroup,
    SpawnSettings,
    describe_descriptors,
    merge_settings,
)


def test_settings_of_several_plugins_are_merged():
    merged = merge_settings(
        [
            ("a", SpawnSettings(rlimits={"nofile": (1, 2)}, nice=5)),
            ("b", SpawnSettings(rlimits={"core": (0, 0)}, umask=0, descriptors={"web": 9})),
            ("c", SpawnSettings(cpu_affinity=frozenset({1}), oom_score_adj=0)),
            ("d", SpawnSettings(cgroup=Cgroup("/x"), descriptors={"api": 4})),
        ]
    )

    assert merged == SpawnSettings(
        rlimits={"nofile": (1, 2), "core": (0, 0)},
        nice=5,
        cpu_affinity=frozenset({1}),
        oom_score_adj=0,
        umask=0,
        cgroup=Cgroup("/x"),
        descriptors={"web": 9, "api": 4},
    )
    assert merged is not None
    assert list(merged.descriptors) == ["web", "api"]


def test_no_settings_are_none():
    assert merge_settings([]) is merge_settings([("a", SpawnSettings())]) is None


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ({"nice": 0}, {"nice": 1}, "nice"),
        ({"umask": 0}, {"umask": 18}, "umask"),
        ({"rlimits": {"core": (0, 0)}}, {"rlimits": {"core": (0, 1)}}, "rlimit_core"),
        ({"descriptors": {"web": 3}}, {"descriptors": {"web": 4}}, "descriptor web"),
        ({"cgroup": Cgroup("/x")}, {"cgroup": Cgroup("/y")}, "cgroup"),
    ],
)
def test_settings_that_differ_are_an_error_that_names_both_plugins(first, second, name):
    with pytest.raises(SpawnError) as caught:
        merge_settings([("a", SpawnSettings(**first)), ("b", SpawnSettings(**second))])

    assert caught.value.slug == "conflicting_settings"
    assert str(caught.value) == f"the plugins a and b both set {name}: remove one of them"
    assert merge_settings([("a", SpawnSettings(**first)), ("b", SpawnSettings(**first))])


def test_only_what_another_process_can_set_needs_a_gate():
    assert not SpawnSettings(umask=0, descriptors={"a": 1}).needs_gate
    for settings in {"nice": 0}, {"oom_score_adj": 0}, {"rlimits": {"core": (0, 0)}}:
        assert SpawnSettings(**settings).needs_gate


def test_variables_describe_the_descriptors_by_name():
    assert describe_descriptors([]) == {}
    assert describe_descriptors(["web", "my-api"]) == {
        "LISTEN_FDS": "2",
        "LISTEN_FDNAMES": "web:my-api",
        "GAFFER_FD_WEB": "3",
        "GAFFER_FD_MY_API": "4",
    }
