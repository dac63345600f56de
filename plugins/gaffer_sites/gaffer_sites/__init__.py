"""Static sites of plugins, under `/_plugin/<name>/` of the HTTP API.

    service        `kernel.services["sites"]`
    folders        which folders are sites
    migration      moves the content of a folder without Python to `_site`
    manifest       `site.toml`, which extends the Content-Security-Policy of a site
    safe_open      opens files of a site, and no others
    routes         the paths under gaffer-http
    file_response  the HTTP response with a file: type, conditions, ranges

Importing this package must stay cheap, because gafferd imports it to find its hooks: quart is
imported when gaffer-http asks for the paths.
"""

from gaffer_sites.folders import Site
from gaffer_sites.service import Sites

__all__ = ["Site", "Sites"]
