"""Changes of the number of instances."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_kernel.errors import InvalidField
from gaffer_kernel.jobs.fields import MAX_PROCESSES
from gaffer_kernel.jobs.scale import apply_scale


@pytest.mark.parametrize(
    ("now", "change", "wanted"),
    [
        (1, 3, 4),
        (1, "3", 4),
        (1, "+1", 2),
        (4, "-1", 3),
        (4, -3, 1),
        (4, "=2", 2),
        (4, "=0", 0),
        (4, 0, 4),
        (4, "0", 4),
        (4, "+0", 4),
        (4, "-0", 4),
        (2, "-5", 0),
        (2, -5, 0),
        (0, "-1", 0),
        (1, " +2 ", 3),
        (1, "=007", 7),
        (0, f"={MAX_PROCESSES}", MAX_PROCESSES),
        (3, "-999999999", 0),
    ],
)
def test_a_change_adds_subtracts_or_sets(now, change, wanted):
    assert apply_scale(now, change) == wanted


@pytest.mark.parametrize(
    "change",
    [
        "",
        " ",
        "+",
        "-",
        "=",
        "x",
        "1.5",
        "+ 1",
        "++1",
        "+-1",
        "=-1",
        "1e3",
        "٣",
        "1\n2",
        "0x1",
        1.5,
        2.0,
        None,
        True,
        False,
        [1],
        b"1",
        float("nan"),
        "9" * 5000,
        10**30,
    ],
)
def test_an_invalid_change_is_an_error_that_names_scale(change):
    with pytest.raises(InvalidField, match="scale") as caught:
        apply_scale(1, change)
    assert caught.value.field == "scale"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("now", "change"), [(0, f"={MAX_PROCESSES + 1}"), (MAX_PROCESSES, 1), (MAX_PROCESSES - 1, "+2")]
)
def test_a_result_above_the_maximum_is_an_error(now, change):
    with pytest.raises(InvalidField, match=str(MAX_PROCESSES)):
        apply_scale(now, change)


@given(now=st.integers(0, MAX_PROCESSES), change=st.integers(-MAX_PROCESSES, MAX_PROCESSES))
def test_result_is_never_negative_and_text_equals_number(now, change):
    if now + change > MAX_PROCESSES:
        return
    assert apply_scale(now, change) == max(0, now + change)
    assert apply_scale(now, f"{change:+d}") == max(0, now + change)
