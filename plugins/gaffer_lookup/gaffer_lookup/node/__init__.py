"""The plugin `lookup` of gafferd: it tells every lookupd what runs here, as long as it lives.

service    its life, and what `kernel.services["lookup"]` is
link       the connection to one lookupd, made again when it is lost
dialogue   what is under way on one connection
ledger     what one lookupd has been told, against what is true
settings   the section `[lookup]` and the command line over it
origin     where this gafferd can be reached
machine    on which machine it is
"""
