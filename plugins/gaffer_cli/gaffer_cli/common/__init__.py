"""The verbs that gaffer and gafferctl have in common, one file each."""
