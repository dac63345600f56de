"""Test that docs/commands.md is generated from the current commands."""

from pathlib import Path

from gaffer_cli.reference import reference

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"


def test_page_is_up_to_date():
    assert PAGE.read_text() == reference(), "run: python -m gaffer_cli.reference >docs/commands.md"
