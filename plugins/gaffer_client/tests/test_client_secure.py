"""Tests of HTTPS, certificates and tokens."""

import pytest
import trustme
from gaffer_testing import Callers, TokenCaller

from gaffer_client import (
    ArgumentError,
    CertificateError,
    ConnectionLostError,
    ForbiddenError,
    UnauthorizedError,
    UnreachableError,
)

from .conftest import do, opened


@pytest.fixture
def callers():
    """A token with permission to read, and a certificate with permission to manage."""
    return Callers({"good": TokenCaller("read", "reader"), "client": TokenCaller("manage")})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca")
    trustme.CA().cert_pem.write_to_path(folder / "other")
    trustme.CA().issue_cert("client").private_key_and_cert_chain_pem.write_to_path(
        folder / "foreign"
    )
    for name in ("localhost", "client"):
        cert = ca.issue_cert(name, common_name=name)
        cert.private_key_and_cert_chain_pem.write_to_path(folder / name)
        cert.private_key_pem.write_to_path(folder / f"{name}.key")
        cert.cert_chain_pems[0].write_to_path(folder / f"{name}.cert")
    return folder


def secure(files, certificates):
    return f"""
[endpoint:api]
bind = 127.0.0.1:0
certfile = {files}/localhost
client_ca = {files}/ca
client_certificate = {certificates}
"""


@pytest.fixture
async def url(running_api, files, callers):
    ini = secure(files, "optional")
    async with running_api(callers, bind=None, ini=ini) as kernel:
        [url] = kernel.services["http"].addresses
        yield url.replace("127.0.0.1", "localhost")


@pytest.fixture
def ca(files):
    return f"{files}/ca"


async def test_server_certificate_is_verified(connect, url, ca, files):
    await do(connect(url, ca_file=ca).ping)
    for options in ({}, {"ca_file": f"{files}/other"}):
        with pytest.raises(
            CertificateError, match=r"^https://.*: certificate not trusted: [^\[(]*$"
        ):
            await do(connect(url, **options).ping)
    with pytest.raises(CertificateError, match=r"certificate is not valid for '127\.0\.0\.1'"):
        await do(connect(url.replace("localhost", "127.0.0.1"), ca_file=ca).ping)
    await do(connect(url, verify=False).ping)


async def test_tls_to_plain_server_is_explained(connect, running_api):
    async with running_api() as kernel:
        [url] = kernel.services["http"].addresses
        with pytest.raises(UnreachableError, match=r"the server does not speak TLS$"):
            await do(connect(url.replace("http:", "https:")).ping)


async def test_token_is_sent(connect, url, ca):
    server = connect(url, ca_file=ca, token="good")
    assert await do(server.jobs) == []
    with pytest.raises(ForbiddenError, match="reader has no permission to manage"):
        await do(server.add_process, "nap", "sleep 9")
    async with opened(server.events):
        pass
    with pytest.raises(UnauthorizedError):
        await do(connect(url, ca_file=ca, token="bad").jobs)


async def test_client_certificate_is_sent(connect, url, ca, files):
    both = (f"{files}/client.cert", f"{files}/client.key")
    for certificate in (f"{files}/client", both):
        server = connect(url, ca_file=ca, certificate=certificate)
        await do(server.add_process, "nap", "sleep 9", start=False)
        await do(server.job("nap").unload)


async def test_untrusted_client_certificate_is_explained(connect, url, ca, files):
    server = connect(url, ca_file=ca, certificate=f"{files}/foreign")
    with pytest.raises(ConnectionLostError, match=r"does not trust the client certificate$"):
        await do(server.ping)


async def test_missing_client_certificate_is_explained(connect, running_api, ca, files, callers):
    async with running_api(callers, bind=None, ini=secure(files, "required")) as kernel:
        [url] = kernel.services["http"].addresses
        server = connect(url.replace("127.0.0.1", "localhost"), ca_file=ca)
        with pytest.raises(ConnectionLostError, match=r"the server requires a client certificate$"):
            await do(server.ping)


async def test_certificate_without_key_is_explained(connect, url, ca, files):
    with pytest.raises(
        ArgumentError, match=r"client\.cert: no certificate and its key in PEM form$"
    ):
        await do(connect(url, ca_file=ca, certificate=f"{files}/client.cert").ping)
