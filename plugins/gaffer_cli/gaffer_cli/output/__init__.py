"""What processes on a gafferd write: chosen, followed and printed.

kept       the last that processes have written
printed    lines for people and for programs
following  what all chosen processes write, those that come later too
follower   what one process writes
patience   asking again while gafferd cannot be reached
told       what the others hand on
chosen     which processes
"""
