"""docs/commands.md is what the commands say of themselves."""

from pathlib import Path

from gaffer_cli.reference import reference

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"


def test_the_page_is_what_the_commands_say_of_themselves():
    assert PAGE.read_text() == reference(), "run: python -m gaffer_cli.reference >docs/commands.md"
