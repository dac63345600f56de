"""Static sites of plugins, under `/_plugin/<name>/` of the HTTP API.

    service    what is asked: `kernel.services["sites"]`
    folders    which folders are sites
    moving     the content of a folder without Python, moved under `_site`
    manifest   what a site may widen of its Content-Security-Policy
    beneath    opening a file of a site, and no other
    routes     the paths that gaffer-http shows
    answer     one file, as HTTP has it: types, conditions, ranges

Importing it must stay cheap, as gafferd does so to find out what it is: quart is imported when
gaffer-http asks for the paths.
"""

from gaffer_sites.folders import Site
from gaffer_sites.service import Sites

__all__ = ["Site", "Sites"]
