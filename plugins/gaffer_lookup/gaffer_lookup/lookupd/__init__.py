"""The command gaffer_lookupd."""
