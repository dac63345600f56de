"""Times in the format of `gaffer ps`."""

import pytest

from gaffer_cli.app.ps import format_elapsed


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00.00"),
        (0.449, "0:00.44"),
        (59.999, "0:59.99"),
        (61, "1:01.00"),
        (3599.999, "59:59.99"),
        (3600, "1:00:00"),
        (3661.9, "1:01:01"),
        (86_399, "23:59:59"),
        (90_061, "1 d 1:01:01"),
    ],
)
def test_format_elapsed(seconds, shown):
    assert format_elapsed(seconds) == shown
