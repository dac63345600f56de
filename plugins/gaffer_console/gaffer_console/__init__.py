"""Output and life of gaffer's processes on the terminal, prefixed and coloured."""
