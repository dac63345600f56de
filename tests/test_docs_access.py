"""Test the access table of docs/http-api.md: one request for each caller and endpoint."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import trustme

from tests.proxies import House, needs

PAGE = (Path(__file__).parent.parent / "docs" / "http-api.md").read_text()
MODES = ("owner", "token", "certificate")
NOBODY = 65534
INI = """\
[endpoint:{mode}]
bind = 127.0.0.1:0
auth = {mode}
certfile = {folder}/server.pem
client_ca = {folder}/clients.pem
"""


def table():
    """Return the status codes by caller: `{"a program": ["200", "401", "401"]}`."""
    head = f"| who calls | {' | '.join(f'`auth = {mode}`' for mode in MODES)} |\n"
    [rows] = re.findall(re.escape(head) + r"\|(?:---\|)+\n((?:\|.*\n)+)", PAGE)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows.splitlines()]
    return {who: answers for who, *answers in cells}


TOKEN = ("-H", "Authorization: Bearer TOKEN")
ORIGIN = ("-H", "Origin: URL")
COOKIE = ("-H", "Cookie: PAGE")
OPS, EVE = ("--cert", "ops.pem"), ("--cert", "eve.pem")
FORWARDED = ("-H", "X-Forwarded-For: 192.0.2.1")
CALLERS = {
    "a program of gafferd's user or of root": [()],
    "a program of another user or machine": [("as", "nobody")],
    "any program with a token": [TOKEN, ("-H", "X-Api-Key: TOKEN"), ("as", "nobody", *TOKEN)],
    "any program with a wrong token": [("-H", "X-Api-Key: gfr_wrong")],
    "any program with a known client certificate": [OPS, ("as", "nobody", *OPS)],
    "any program with an unknown client certificate": [EVE],
    "a proxy that adds a header like `X-Forwarded-For`": [FORWARDED, ("-H", "Via: 1.1 box")],
    "a proxy, with a token of the visitor": [(*FORWARDED, *TOKEN)],
    "a page of the API's own origin, in a browser that is not signed in": [
        ORIGIN,
        ("-H", "Sec-Fetch-Site: same-origin"),
    ],
    "a page of the API's own origin, in a browser that is [signed in](#browsers)": [
        (*ORIGIN, *COOKIE),
        ("-H", "Sec-Fetch-Site: same-origin", *COOKIE),
    ],
    "a page of the API's own origin, with a token": [(*ORIGIN, *TOKEN)],
    "a page of another origin, even with a token": [
        ("-H", "Origin: https://evil.example", *TOKEN),
        ("-H", "Sec-Fetch-Site: cross-site"),
    ],
    "anyone who names a foreign `Host`": [("-H", "Host: evil.example", *TOKEN)],
    "anyone who is known, over HTTP/1.0": [("--http1.0", *OPS)],
}
"""Arguments of curl for each caller; `as nobody` runs it as another user."""


@pytest.fixture
def folder():
    """A folder that other users can read; those of pytest are private."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def house(folder):
    house = House(folder)
    ca, clients = trustme.CA(), trustme.CA()
    clients.cert_pem.write_to_path(folder / "clients.pem")
    server = ca.issue_cert("localhost", "127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    for name in ("ops", "eve"):
        pem = clients.issue_cert(f"{name}@example.org").private_key_and_cert_chain_pem
        pem.write_to_path(folder / f"{name}.pem")
    house.gaffer_auth("certificate", "ops", "--subject", "ops@example.org", "--right", "manage")
    return house


def test_every_documented_caller_is_tested():
    assert set(table()) == set(CALLERS)


@needs("curl")
@pytest.mark.parametrize("other_user", [False, pytest.param(True, marks=pytest.mark.root)])
def test_callers_get_the_documented_status(house, other_user):
    token = house.token()
    ini = "".join(INI.format(mode=mode, folder=house.folder) for mode in MODES)
    with house.gafferd(ini) as urls:
        cookie = sign_in(house, urls[0])
        for who, answers in table().items():
            for mode, url, expected in zip(MODES, urls, answers, strict=True):
                status = "200" if expected == "as without one" else expected
                for arguments in CALLERS[who]:
                    if ("as" in arguments) == other_user:
                        got = ask(house, url, token, cookie, *arguments)
                        assert got == status, (mode, who, arguments)


def sign_in(house, url):
    """Return the cookie of a signed-in browser."""
    json = ("-H", "Content-Type: application/json", "-d")
    made = curl(house, *json, f'{{"origin": "{url}"}}', f"{url}/page-key/new").stdout
    [key] = re.findall(r'"key":"([^"]*)"', made)
    page = (*json, f'{{"key": "{key}"}}', "-H", f"Origin: {url}", f"{url}/page-key")
    [cookie] = re.findall(r"(?i)set-cookie: ([^;]*);", curl(house, "-i", *page).stdout)
    return cookie


def ask(house, url, token, cookie, *arguments):
    """Return the status of `GET /jobs`."""
    user = {}
    if arguments[:1] == ("as",):
        arguments, user = arguments[2:], {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    places = {"TOKEN": token, "URL": url, "PAGE": cookie}
    words = [re.sub("TOKEN|URL|PAGE", lambda each: places[each[0]], word) for word in arguments]
    version = () if "--http1.0" in words else ("--http1.1",)
    shown = ("-o", "/dev/null", "-w", "%{http_code}")
    return curl(house, *version, *shown, *words, f"{url}/jobs", **user).stdout


def curl(house, *arguments, **user):
    command = [shutil.which("curl"), "-qsk", *arguments]
    return subprocess.run(
        command, cwd=house.folder, capture_output=True, text=True, timeout=30, **user
    )
