"""Errors of invalid certificates, in one line."""

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from gaffer_http.listen.tls import TlsError, server_context


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files: a certificate, its key, both in one, the key of another, an encrypted key."""
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    one, other = ca.issue_cert("localhost"), ca.issue_cert("localhost")
    one.cert_chain_pems[0].write_to_path(folder / "cert")
    one.private_key_pem.write_to_path(folder / "key")
    one.private_key_and_cert_chain_pem.write_to_path(folder / "both")
    other.private_key_pem.write_to_path(folder / "other")
    key = serialization.load_pem_private_key(one.private_key_pem.bytes(), None)
    (folder / "locked").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    (folder / "text").write_text("hello")
    return folder


@pytest.mark.parametrize(("certfile", "keyfile"), [("cert", "key"), ("both", None)])
def test_valid_certificates_are_loaded(files, certfile, keyfile):
    server_context(str(files / certfile), keyfile and str(files / keyfile))


@pytest.mark.parametrize(
    ("certfile", "keyfile", "blamed", "words"),
    [
        ("none", "key", "certfile", "cannot read"),
        ("cert", "none", "keyfile", "cannot read"),
        ("text", "key", "keyfile", "not a certificate and its key"),
        ("cert", None, "certfile", "not a certificate and its key"),
        ("cert", "other", "keyfile", "KEY_VALUES_MISMATCH"),
        ("cert", "locked", "keyfile", "has a password"),
    ],
)
def test_invalid_certificate_is_an_error_with_its_file(files, certfile, keyfile, blamed, words):
    with pytest.raises(TlsError) as raised:
        server_context(str(files / certfile), keyfile and str(files / keyfile))
    assert raised.value.key == blamed
    assert words in raised.value.reason
    assert "\n" not in raised.value.reason


@pytest.mark.parametrize(
    ("client_ca", "words"), [("none", "cannot read"), ("text", "not a certif")]
)
def test_invalid_client_ca_is_an_error_with_its_file(files, client_ca, words):
    with pytest.raises(TlsError) as raised:
        server_context(str(files / "cert"), str(files / "key"), str(files / client_ca))
    assert raised.value.key == "client_ca"
    assert words in raised.value.reason
