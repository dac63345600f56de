"""The verbs of gaffer, one file each."""
