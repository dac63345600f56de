"""The section `[tick]`."""

KEYS = ("seconds",)


def get_seconds(config):
    """Return the seconds between two lines.

    Raises:
        ConfigError: the section has another key, or the number is not above zero.
    """
    section = config.section("tick")
    if section is None:
        return 10.0
    for key, _ in section.items():
        if key not in KEYS:
            raise section.error(key, f"unknown key, there is only {KEYS[0]}")
    seconds = section.getfloat("seconds", 10.0)
    if seconds <= 0:
        raise section.error("seconds", "must be above 0")
    return seconds
