"""The verbs of gafferctl, one file each."""
