"""The verbs of gaffer, a file each."""
