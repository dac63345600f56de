"""HTTPS: a node checks the certificate of lookupd, and sends its token or its own certificate."""

import pytest
import trustme
from gaffer_testing.waiting import until

from .test_lookup_node import open_node


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca")
    trustme.CA().cert_pem.write_to_path(folder / "other")
    for name, host in (("localhost", "localhost"), ("web1", "web1.example")):
        cert = ca.issue_cert(host, common_name=name)
        cert.private_key_and_cert_chain_pem.write_to_path(folder / name)
    return folder


@pytest.fixture
async def secure(running_lookupd, files):
    """A lookupd over HTTPS that requests client certificates."""
    options = {"certfile": str(files / "localhost"), "client_ca": str(files / "ca")}
    async with running_lookupd(**options) as lookupd:
        lookupd.url = lookupd.url.replace("127.0.0.1", "localhost")
        yield lookupd


def owners(lookupd):
    return [node.owner for node in lookupd.lookupd.registry.store.nodes()]


async def test_token_is_sent_to_a_trusted_lookupd(secure, files):
    async with open_node(secure.url, name="web2", more=f"cacert = {files}/ca\ntoken = web2"):
        assert await until(lambda: owners(secure)) == ["token web2"]


async def test_certificate_is_presented(secure, files):
    more = f"cacert = {files}/ca\ncertfile = {files}/web1"
    async with open_node(secure.url, more=more):
        assert await until(lambda: owners(secure)) == ["token web1"]


async def test_untrusted_lookupd_gets_nothing(secure, files):
    async with open_node(secure.url, more=f"cacert = {files}/other\ntoken = web1") as kernel:
        error = await until(lambda: kernel.services["lookup"].lookupds()[0].error)
        assert "certificate" in error
        assert owners(secure) == []
