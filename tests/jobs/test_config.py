import json
import socket

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_kernel.errors import InvalidField
from gaffer_kernel.jobs.config import Flapping, JobConfig

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
LABELS = st.lists(st.from_regex(r"[a-r][a-z0-9_+-]{0,5}", fullmatch=True), max_size=2, unique=True)
VALID = st.fixed_dictionaries(
    {"name": st.just("web"), "cmd": st.just("run")},
    optional={
        "args": st.lists(TEXT, max_size=3),
        "env": st.dictionaries(TEXT.filter(lambda key: key and "=" not in key), TEXT, max_size=3),
        "uid": st.none() | st.integers(0, 2**32 - 2) | st.just("nobody"),
        "cwd": st.none() | TEXT,
        "shell": st.booleans(),
        "numprocesses": st.integers(0, 10_000),
        "flapping": st.none() | st.just({"attempts": 3, "window": 0.5}),
        "redirect_output": LABELS,
        "graceful_timeout": st.floats(0, 1e9) | st.integers(0, 100),
        "priority": st.none() | st.integers(0, 1000),
        "start": st.booleans(),
    },
)


def job(**fields: object) -> JobConfig:
    return JobConfig(**{"name": "web", "cmd": "run", **fields})


def refused(**fields: object) -> InvalidField:
    with pytest.raises(InvalidField) as caught:
        job(**fields)
    return caught.value


def test_a_name_and_a_command_are_enough():
    config = job()

    assert config.args == ()
    assert config.env == {}
    assert config.uid is config.gid is config.cwd is config.flapping is config.priority is None
    assert config.os_env is None
    assert config.start is True
    assert config.detach is config.shell is config.pty is config.redirect_input is False
    assert config.numprocesses == 1
    assert config.graceful_timeout == 30.0
    assert config.redirect_output == ("out", "out")
    assert config.custom_streams == config.custom_channels == ()


def test_a_detached_job_has_no_output_by_default():
    assert job(detach=True).redirect_output == ()
    assert JobConfig.from_dict(job(detach=True).to_dict()) == job(detach=True)


def test_a_config_cannot_be_changed_from_outside():
    env = {"A": "1"}
    config = job(env=env, args=["a"], redirect_output=["out"])
    env["A"] = "2"

    assert config.env == {"A": "1"}
    assert config.args == ("a",)
    assert config.redirect_output == ("out",)
    with pytest.raises(AttributeError):
        config.cmd = "other"
    assert job().env is not job().env


@pytest.mark.parametrize("value", ["x", "3", True, None, 1.0, 1.5, -1, 10_001, [1], {}])
def test_numprocesses_is_a_whole_number(value):
    error = refused(numprocesses=value)

    assert error.field == "numprocesses"
    assert "must be a whole number from 0 to 10000, not " in error.reason


def test_a_number_too_long_to_print_is_an_error():
    assert refused(numprocesses=10**5000).field == "numprocesses"


def test_numprocesses_zero_is_allowed():
    assert job(numprocesses=0).numprocesses == 0


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -1, -0.1, "x", "1e999", "-1s", True, 10**400]
)
def test_graceful_timeout_is_a_finite_number_of_seconds(value):
    assert refused(graceful_timeout=value).field == "graceful_timeout"


def test_seconds_can_have_a_unit():
    assert job(graceful_timeout="500ms") == job(graceful_timeout=0.5)
    assert job(flapping={"window": "1m"}).flapping.window == 60.0
    assert job().for_one_off(None, "1h").graceful_timeout == 3600.0


@pytest.mark.parametrize("field", ["detach", "shell", "os_env", "pty", "redirect_input", "start"])
@pytest.mark.parametrize("value", [0, 1, "true", None, []])
def test_a_flag_is_a_boolean(field, value):
    if (field, value) == ("os_env", None):
        pytest.skip("null means that os_env is not given")
    assert refused(**{field: value}).reason.startswith("must be true or false, not ")


@pytest.mark.parametrize("field", ["uid", "gid"])
@pytest.mark.parametrize(
    ("given", "kept"),
    [("", None), (None, None), ("0", 0), ("65534", 65534), (7, 7), ("www", "www")],
)
def test_an_account_is_a_name_or_a_number(field, given, kept):
    assert getattr(job(**{field: given}), field) == kept


@pytest.mark.parametrize("field", ["uid", "gid"])
@pytest.mark.parametrize("value", [-1, "-1", True, 1.0, 2**32 - 1, "9" * 5000, [], "a\0", "-u"])
def test_an_invalid_account_is_an_error(field, value):
    assert refused(**{field: value}).field == field


@pytest.mark.parametrize(
    ("fields", "culprit"),
    [
        ({"name": "a\0"}, "name"),
        ({"name": "a.b"}, "name"),
        ({"name": "12"}, "name"),
        ({"name": "web\n"}, "name"),
        ({"name": 5}, "name"),
        ({"cmd": "a\0"}, "cmd"),
        ({"cmd": "\ud800"}, "cmd"),
        ({"cmd": ""}, "cmd"),
        ({"cmd": " \n"}, "cmd"),
        ({"cmd": "''"}, "cmd"),
        ({"cmd": " ", "shell": True}, "cmd"),
        ({"cmd": "a 'b"}, "cmd"),
        ({"cmd": ["run"]}, "cmd"),
        ({"cwd": "a\0"}, "cwd"),
        ({"cwd": 5}, "cwd"),
        ({"args": "a 'b"}, "args"),
        ({"args": 5}, "args"),
        ({"args": ["a", 5]}, "args[1]"),
        ({"args": ["a\0"]}, "args[0]"),
        ({"env": None}, "env"),
        ({"env": ["A=1"]}, "env"),
        ({"env": {"": "1"}}, "env"),
        ({"env": {"A=B": "1"}}, "env"),
        ({"env": {"A\0": "1"}}, "env"),
        ({"env": {5: "1"}}, "env"),
        ({"env": {"PORT": 80}}, "env.PORT"),
        ({"env": {"PORT": "8\0"}}, "env.PORT"),
        ({"restart": "sometimes"}, "restart"),
        ({"restart": True}, "restart"),
        ({"restart": "never", "flapping": ()}, "restart"),
        ({"success_codes": 0}, "success_codes"),
        ({"success_codes": [256]}, "success_codes[0]"),
        ({"success_codes": [0, "1"]}, "success_codes[1]"),
        ({"restart_delay": "soon"}, "restart_delay"),
        ({"restart_delay": -1}, "restart_delay"),
        ({"restart_delay": "20s"}, "restart_delay"),
        ({"restart_delay_max": "10 parsecs"}, "restart_delay_max"),
        ({"restart_delay_max": 0.05}, "restart_delay"),
        ({"healthy_after": None}, "healthy_after"),
        ({"max_restarts": 0}, "max_restarts"),
        ({"max_restarts": 1.5}, "max_restarts"),
        ({"redirect_output": "stdout"}, "redirect_output"),
        ({"redirect_output": ["a", "b", "c"]}, "redirect_output"),
        ({"redirect_output": ["a/b"]}, "redirect_output[0]"),
        ({"redirect_output": ["."]}, "redirect_output[0]"),
        ({"redirect_output": ["stdin"]}, "redirect_output"),
        ({"pty": True, "redirect_output": []}, "pty"),
        ({"pty": True, "redirect_output": [], "redirect_input": True}, "pty"),
        ({"custom_streams": ["a", None]}, "custom_streams[1]"),
        ({"custom_streams": ["a"], "redirect_output": ["a"]}, "redirect_output"),
        ({"custom_streams": [f"s{n}" for n in range(65)]}, "custom_streams"),
        ({"custom_channels": [3]}, "custom_channels"),
        ({"custom_channels": 3}, "custom_channels"),
        ({"priority": -1}, "priority"),
        ({"priority": True}, "priority"),
        ({"priority": "1"}, "priority"),
    ],
)
def test_the_error_names_the_field(fields, culprit):
    assert refused(**fields).field == culprit


@pytest.mark.parametrize(
    ("fields", "culprit"),
    [
        ({"cmd": "x" * 65537}, "cmd"),
        ({"cmd": "é" * 40_000}, "cmd"),
        ({"args": ["x"] * 257}, "args"),
        ({"args": ["x"] * 256}, "cmd"),
        ({"args": ["x" * 65536, "y" * 65536]}, "cmd"),
        ({"env": {f"V{n}": "" for n in range(1025)}}, "env"),
        ({"env": {"A": "x" * 65537}}, "env.A"),
        ({"name": "x" * 256}, "name"),
    ],
)
def test_values_above_the_limits_are_errors(fields, culprit):
    assert refused(**fields).field == culprit


def test_contradicting_rules_are_both_named():
    error = refused(restart="never", flapping=(2, 1))
    assert str(error) == (
        "restart: never contradicts flapping, which counts restarts: keep one of them"
    )
    error = refused(restart_delay="20s", restart_delay_max="5s")
    assert str(error) == (
        "restart_delay: is longer than restart_delay_max, 20 s and 5 s: shorten it, or raise"
        " restart_delay_max"
    )


@pytest.mark.parametrize(
    "stream",
    [
        {"redirect_output": ["a"]},
        {"redirect_output": ["out", "out"]},
        {"redirect_input": True},
        {"custom_streams": ["a"]},
    ],
)
def test_a_detached_job_with_streams_is_an_error(stream):
    assert refused(detach=True, **stream).field == "detach"


@pytest.mark.parametrize(
    "given",
    [
        Flapping(3, 2.0, 7.0, 5),
        (3, 2),
        {"attempts": 3, "window": 2},
        {"attempts": 3, "window": 2.0, "retry_in": 7, "max_retry": 5},
    ],
)
def test_flapping_accepts_several_forms(given):
    assert job(flapping=given).flapping == Flapping(attempts=3, window=2.0)


def test_an_empty_flapping_has_the_default_numbers():
    assert job(flapping={}).flapping == Flapping(2, 1.0, 7.0, 5)


@pytest.mark.parametrize(
    ("value", "culprit"),
    [
        ({"attempt": 1}, "flapping"),
        ({"attempts": 0}, "flapping.attempts"),
        ({"attempts": True}, "flapping.attempts"),
        ({"window": "x"}, "flapping.window"),
        ({"retry_in": float("nan")}, "flapping.retry_in"),
        ({"max_retry": -1}, "flapping.max_retry"),
        ((1, 2, 3, 4, 5), "flapping"),
        ([2, 1.0], "flapping"),
        ("2, 1", "flapping"),
        (True, "flapping"),
    ],
)
def test_an_invalid_flapping_is_an_error(value, culprit):
    assert refused(flapping=value).field == culprit


def test_channels_are_accepted_only_from_python():
    left, right = socket.socketpair()
    with left, right:
        config = job(custom_channels=[left])

        assert config.custom_channels == (left,)
        assert "custom_channels" not in config.to_dict()
        with pytest.raises(InvalidField, match="only be given from Python"):
            JobConfig.from_dict({"name": "web", "cmd": "run", "custom_channels": [left]})


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"cmd": "run"}, "name: is missing"),
        ({"name": "web"}, "cmd: is missing"),
        ({"name": "web", "cmd": "run", "numproceses": 1}, "did you mean 'numprocesses'?"),
        ({"name": "web", "cmd": "run", "": 1}, "is not a field of a job"),
        ([], "job: must be an object"),
        (None, "job: must be an object"),
    ],
)
def test_an_invalid_object_is_an_error(mapping, message):
    with pytest.raises(InvalidField) as caught:
        JobConfig.from_dict(mapping)

    assert message in str(caught.value)


@given(VALID)
def test_to_dict_can_be_read_by_from_dict(fields):
    config = JobConfig.from_dict(fields)
    shown = config.to_dict()

    assert set(shown) == set(JobConfig.__struct_fields__) - {"custom_channels", "options"}
    assert JobConfig.from_dict(json.loads(json.dumps(shown))) == config
    assert msgspec.json.decode(msgspec.json.encode(shown), type=JobConfig) == config


def get_error(mapping: dict[str, object]) -> InvalidField | None:
    try:
        JobConfig.from_dict(mapping)
    except InvalidField as error:
        return error
    return None


@given(st.sampled_from(JobConfig.__struct_fields__), JSON)
def test_any_json_value_is_accepted_or_an_error_names_the_field(field, value):
    error = get_error({"name": "web", "cmd": "run", field: value})

    assert error is None or error.field.startswith((field, "cmd"))


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_any_json_object_is_accepted_or_an_error_of_one_line(mapping):
    error = get_error(mapping)

    assert error is None or "\n" not in str(error)


def test_replace_checks_the_new_values():
    assert msgspec.structs.replace(job(), numprocesses=3) == job(numprocesses=3)
    with pytest.raises(InvalidField):
        msgspec.structs.replace(job(), numprocesses=-1)


def test_the_schema_is_json():
    schema = msgspec.json.schema(JobConfig)
    properties = schema["$defs"]["JobConfig"]["properties"]

    json.dumps(schema)
    assert set(properties) == set(JobConfig.__struct_fields__)
    assert properties["numprocesses"]["maximum"] == 10_000
    assert all(field.get("description") for field in properties.values())
    assert schema["$defs"]["JobConfig"]["additionalProperties"] is False
