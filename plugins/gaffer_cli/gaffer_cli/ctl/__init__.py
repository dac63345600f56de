"""The verbs of gafferctl, a file each."""
