"""`gafferctl open`: sign the user's browser in, and open a page of gafferd in it."""

from __future__ import annotations

from urllib.parse import quote

import click
from gaffer_client import NotFoundError, Server
from gaffer_client.address import Address

from gaffer_cli.exit_codes import CommandError
from gaffer_cli.invocation import Invocation


@click.command("open")
@click.argument("site", required=False)
@click.option("--print", "only_print", is_flag=True, help="print the URL, start no browser")
@click.option("--revoke", is_flag=True, help="sign all browsers out")
@click.pass_context
def command(ctx: click.Context, site: str | None, only_print: bool, revoke: bool) -> None:
    """Open the page of SITE in your browser, or a list of the sites, and sign the browser in.

    Pages in a browser need a key, because any page can send requests from your browser. This
    command prints a URL with a key that is valid once, for 30 seconds, and opens it. The browser
    then stays signed in for 12 hours, also after a restart of gafferd. --revoke signs all browsers
    out, and closes the streams of their pages. You must be the user who runs gafferd, on its
    machine; tokens are not accepted here.

    \b
    Examples:
      gafferctl open ui
      gafferctl open --print
      gafferctl open --revoke
    """
    if revoke and (site or only_print):
        ctx.fail("--revoke opens no page: give neither SITE nor --print")
    run = ctx.ensure_object(Invocation)
    server = ctx.with_resource(Server(**{**run.settings(), "token": None}))
    if revoke:
        server.revoke_page_keys()
        run.show({"ok": True}, "all browsers are signed out")
        return
    path = "/page-key" if site is None else _path(server, site)
    address = Address.parse(server.url)
    key = server.page_key(None if address.socket else address.base.removesuffix(address.prefix))
    url = f"{key.origin}{quote(path)}#key={key.key}"
    run.show({"url": url, "expires_in": key.expires_in}, url)
    if not only_print and not _open(url):
        run.warn(f"no browser could be started: open this URL within {key.expires_in} seconds")


def _path(server: Server, name: str) -> str:
    try:
        sites = {site.name: site.path for site in server.sites()}
    except NotFoundError:
        raise CommandError(
            f"gafferd serves no sites: install gaffer-sites to open {name}"
        ) from None
    if name not in sites:
        known = f"there are {', '.join(sorted(sites))}" if sites else "there are none"
        raise CommandError(f"no site {name!r}: {known}")
    return sites[name]


def _open(url: str) -> bool:
    # Imported here because it searches for all browsers. It uses $BROWSER, else xdg-open.
    import webbrowser

    return webbrowser.open(url)
