"""pytest's own fixture for tests of plugins of pytest."""

pytest_plugins = ["pytester"]
