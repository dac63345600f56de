"""gafferd's plugin `lookup`: keeps this gafferd registered with every lookupd as long as it runs.

service               the plugin's life, and `kernel.services["lookup"]`
lookupd_registration  the connection to one lookupd, with reconnects
pipeline              messages that wait for their replies on one connection
lookupd_sync          what one lookupd was sent, compared with what runs
settings              the section `[lookup]` and its command line options
advertised_url        the URL under which others reach this gafferd
machine_id            the machine as the owner of a registration in etcd
"""
