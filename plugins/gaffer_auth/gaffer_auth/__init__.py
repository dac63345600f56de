"""Who calls the HTTP API of gaffer, and what he may: tokens with scopes, clients' certificates.

    service                      what gaffer-http asks: `kernel.services["auth"]`
    identity, admissions         somebody who is known, and what he asks for while he may
    book                         what gafferd knows of the file
    audit, settings              the log of changes; the section `[auth]`
    certificates                 the names in the certificate of a client
    command, options, show       the command `gaffer-auth`
    reading, writing             the file
    derivation                   tokens for single nodes of a cluster
    entries, moments, place      what it holds; times as people write them; where it is

Importing it must stay cheap: the command does so each time it is run, and needs neither trio nor
the kernel.
"""

__all__: list[str] = []
