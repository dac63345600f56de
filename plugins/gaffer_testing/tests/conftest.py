"""The fixture `pytester`, for tests that run pytest."""

pytest_plugins = ["pytester"]
