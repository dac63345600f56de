"""Helpers of the figures: processes and their cleanup, daemons, rounds and the table."""
