"""What the figures stand on: processes that surely end, daemons, rounds and the table."""
