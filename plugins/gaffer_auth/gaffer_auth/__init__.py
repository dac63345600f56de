"""Authentication for gaffer's HTTP API: tokens with permissions, and client certificates.

plugin                       the plugin `auth`
service                      the service `kernel.services["auth"]`, which gaffer-http calls
identity, revocation         an authenticated caller, and the end of its requests at a revocation
token_store                  the entries of the file in memory, read again after a change
audit, settings              the audit log; the section `[auth]`
certificates                 the names in a client certificate
command, options, show       the command `gaffer-auth`
store_file                   reading and changing the file
derivation                   tokens for single nodes of a cluster
entries, timestamps, paths   the entries of the file; times in text form; the path of the file

Importing this package must stay fast: the command does so at each start, and needs neither trio nor
the kernel.
"""

__all__: list[str] = []
