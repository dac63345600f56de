"""How long the processes of each job live."""
