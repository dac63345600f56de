"""The paths of gaffer 0.4, as thin views over the same functions."""
