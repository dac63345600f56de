import re

import pytest

from gaffer_kernel.jobs.units import parse_percent, parse_seconds, parse_size

PARSERS = [parse_seconds, parse_size, parse_percent]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10.0),
        ("7.", 7.0),
        (".5", 0.5),
        ("999999999", 999_999_999.0),
        ("500ms", 0.5),
        ("10s", 10.0),
        ("10 s", 10.0),
        ("1.5m", 90.0),
        ("20m", 1200.0),
        ("1h", 3600.0),
        ("2d", 172800.0),
    ],
)
def test_seconds_have_a_unit_or_none(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("512K", 512 * 1024),
        ("512k", 512 * 1024),
        ("64M", 64 * 1024**2),
        ("64MB", 64 * 1024**2),
        ("64 MiB", 64 * 1024**2),
        ("1.5G", 3 * 512 * 1024**2),
        ("1T", 1024**4),
    ],
)
def test_sizes_are_1024_based(text, size):
    assert parse_size(text) == size
    assert isinstance(parse_size(text), int)


@pytest.mark.parametrize(("text", "percent"), [("25%", 25.0), ("25", 25.0), ("12.5 %", 12.5)])
def test_percent_sign_may_be_left_out(text, percent):
    assert parse_percent(text) == percent


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "text",
    ["", " ", "x", "-1", "+1", "1_0", "10  s", "10\n", "1x", "s", "1e3", "nan", "inf", "٣", "1,5"],
)
def test_other_texts_are_refused(parse, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        parse(text)


@pytest.mark.parametrize(
    ("parse", "text"),
    [(parse_seconds, "10M"), (parse_seconds, "1S"), (parse_size, "1P"), (parse_percent, "1s")],
)
def test_units_of_another_kind_are_refused(parse, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        parse(text)
