"""One verb and many gafferds: `--lookup`.

reach     what a verb does with `--lookup`, and doing so
scatter   at all of them at once, and what is told of that
at        one run of a verb, at one of them
places    which gafferds there are
registry  who knows: lookupds, or what a distribution brings for other addresses
"""
