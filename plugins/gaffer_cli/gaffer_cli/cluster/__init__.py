"""One verb on many gafferds: `--lookup`.

dispatch         the choice between one gafferd and many, by the options and the verb's `reach`
scatter          a verb run on all nodes at once, and the report of the results
node_invocation  the run of a verb on one node
nodes            the nodes that the registries know
registry         the client of a registry: lookupds, or a plugin's for other address schemes
source_table     jobs and the nodes that have them, as a table
"""
