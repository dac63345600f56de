"""The section `[lookup]` and the options: an error is one line that names the key."""

import pytest
import trustme
from gaffer_kernel import Config, ConfigError, GafferError

from gaffer_lookup.node.advertised_url import get_advertised_url
from gaffer_lookup.node.settings import read_settings


def read(text="", **options):
    config = Config.from_string(f"[lookup]\n{text}\n", "a.ini")
    config.options.update(options)
    return read_settings(config)


def test_no_section_means_no_lookupd():
    assert read_settings(Config()).connections == ()


def test_duplicate_addresses_are_read_once():
    found = read("address = localhost:5010, https://a.example:5010 localhost:5010").connections
    assert [each.address.base for each in found] == [
        "http://localhost:5010",
        "https://a.example:5010",
    ]


def test_command_line_overrides_the_section():
    settings = read(
        "address = a:1\nbroadcast_address = x\nbroadcast_port = 1",
        lookupd_address=["b:2", "c:3"],
        broadcast_address="y",
        broadcast_port=2,
    )
    assert [each.address.host for each in settings.connections] == ["b", "c"]
    assert (settings.broadcast, settings.port) == ("y", 2)


def test_token_is_read_from_a_file(tmp_path):
    (tmp_path / "token").write_text("gfr_x\n")
    [connection] = read(
        f"address = https://localhost:5010\ntoken_file = {tmp_path}/token"
    ).connections
    assert connection.token == "gfr_x"


def test_files_are_relative_to_the_configuration(tmp_path):
    (tmp_path / "token").write_text("gfr_x\n")
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    text = "[lookup]\naddress = https://localhost:5010\ntoken_file = token\ncacert = ca.pem\n"
    [connection] = read_settings(Config.from_string(text, tmp_path / "a.ini")).connections
    assert (connection.token, connection.ca_file) == ("gfr_x", str(tmp_path / "ca.pem"))


@pytest.mark.parametrize("key", ["token_file", "password_file"])
def test_empty_secret_file_is_an_error(tmp_path, key):
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(ConfigError, match=rf"\[lookup\] {key}: .*/secret: is empty"):
        read(f"address = https://localhost:5010 etcds://u@localhost\n{key} = {tmp_path}/secret")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("adress = a:1", "a.ini:2: [lookup] adress: unknown key, did you mean 'address'?"),
        ("address = ftp://a", "a.ini:2: [lookup] address: "),
        ("address = http://a/x?y", "a.ini:2: [lookup] address: "),
        ("address = a:1\ntoken = x", "a:1: a token is sent over https:// or unix: only: use one"),
        ("address = localhost:1\ntoken = x", "a token is sent over https:// or unix: only"),
        ("address = localhost:1\ntoken = x\ntoken_file = y", "[lookup] token_file: means the same"),
        ("address = localhost:1\ntoken_file = /none", "[lookup] token_file: /none: No such file"),
        ("address = https://localhost:1\ntoken = a b\u00e9", "[lookup] token: "),
        ("address = https://a:1\ncacert = /none", "[lookup] cacert: "),
        ("address = https://a:1\ncertfile = /none", "[lookup] certfile: "),
        ("address = a:1\nkeyfile = key", "[lookup] keyfile: needs the certificate too"),
        ("name = a b", "[lookup] name: "),
        ("broadcast_address = a/b", "[lookup] broadcast_address: must be host"),
        ("broadcast_port = 0", "[lookup] broadcast_port: must be from 1 to 65535, not 0"),
        ("heartbeat = 0", "[lookup] heartbeat: must be from"),
        ("heartbeat = soon", "[lookup] heartbeat: must be a number"),
    ],
)
def test_invalid_key_is_reported_in_one_line(text, expected):
    with pytest.raises(ConfigError) as raised:
        read(text)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_invalid_option_is_named():
    with pytest.raises(ConfigError, match=r"^--lookupd-address: "):
        read(lookupd_address=["ftp://a"])
    with pytest.raises(ConfigError, match=r"^--broadcast-port: "):
        read(broadcast_port=70_000)
    with pytest.raises(ConfigError, match=r"^--client-certfile: "):
        read(lookupd_address=["https://a:1"], client_certfile="/none")


def test_certificates_are_loaded(tmp_path):
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca")
    ca.issue_cert("web1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "web1")
    text = f"address = https://a:1\ncacert = {tmp_path}/ca\ncertfile = {tmp_path}/web1"
    [connection] = read(text).connections
    assert connection.ca_file == f"{tmp_path}/ca"


# The advertised URL


@pytest.mark.parametrize(
    ("addresses", "broadcast", "port", "expected"),
    [
        (["http://127.0.0.1:5000"], None, None, ("http://127.0.0.1:5000", False)),
        (["https://0.0.0.0:5443"], None, None, ("https://web1:5443", True)),
        (["https://[::]:5443"], None, None, ("https://web1:5443", True)),
        (["https://192.0.2.1:5443"], None, None, ("https://192.0.2.1:5443", True)),
        (["https://[2001:db8::1]:5443"], None, None, ("https://[2001:db8::1]:5443", True)),
        (
            ["http+unix:/run/g", "http://127.0.0.1:5000", "https://0.0.0.0:5443"],
            *(None, None, ("https://web1:5443", True)),
        ),
        (["https://0.0.0.0:5443"], "w.example", None, ("https://w.example:5443", True)),
        (["https://0.0.0.0:5443"], "w.example:80", None, ("https://w.example:80", True)),
        (["https://0.0.0.0:5443"], "w.example", 81, ("https://w.example:81", True)),
        (["https://0.0.0.0:5443"], None, 81, ("https://web1:81", True)),
        (["http://127.0.0.1:5000"], "https://w.example", None, ("https://w.example:5000", True)),
        ([], "w.example:5000", None, ("http://w.example:5000", True)),
        ([], "[::1]:5000", None, ("http://[::1]:5000", False)),
        ([], "localhost", None, ("http://localhost:80", False)),
    ],
)
def test_advertised_url(addresses, broadcast, port, expected):
    assert get_advertised_url(addresses, host="web1", broadcast=broadcast, port=port) == expected


@pytest.mark.parametrize("addresses", [[], ["http+unix:/run/gaffer.sock"]])
def test_advertised_url_needs_a_port(addresses):
    with pytest.raises(GafferError, match="broadcast_address"):
        get_advertised_url(addresses, host="web1", broadcast=None, port=None)


# etcd


def test_etcd_addresses_are_the_members_of_one_etcd(tmp_path):
    (tmp_path / "word").write_text("secret\n")
    settings = read(
        "address = etcds://gaffer@a:1/x/, b:5010 etcds://gaffer@[::1]/x\n"
        f"password_file = {tmp_path}/word"
    )
    members = [(each.address.host, each.address.port) for each in settings.etcd.members]
    assert members == [("a", 1), ("::1", 2379)]
    assert (settings.etcd.prefix, settings.etcd.user) == ("/x", "gaffer")
    assert settings.etcd.password == "secret"
    assert "secret" not in repr(settings)
    assert settings.hosts == ["b", "a", "::1"]


def test_etcd_may_be_given_on_the_command_line():
    settings = read("address = a:1", lookupd_address=["etcd://localhost"])
    assert settings.connections == ()
    assert (settings.etcd.text, settings.etcd.prefix) == ("etcd://localhost", "/gaffer")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("address = etcd://", "[lookup] address: 'etcd://' is not an etcd address: write etcd://"),
        ("address = etcd://a:x", "[lookup] address: 'etcd://a:x' is not an etcd address: "),
        ("address = etcd://a?b", "[lookup] address: "),
        ("address = etcd://a/b//c", "after the port write the prefix of every key"),
        ("address = etcd://u:pw@a", "give the password in a file of its own"),
        ("address = etcd://a etcds://b", "they have to be members of one etcd"),
        ("address = etcd://a/x etcd://b/y", "they have to be members of one etcd"),
        ("address = etcd://u@a", "user and password go together: no password"),
        ("address = etcd://localhost\npassword_file = W", "go together: no user"),
        ("address = etcd://u@a\npassword_file = W", "would be sent unencrypted: use etcds://"),
        (
            "address = etcd://u@localhost\npassword_file = /none",
            "password_file: /none: No such file",
        ),
        ("address = a:1\npassword_file = W", "[lookup] password_file: needs an etcd in address"),
        ("address = etcds://a\ncacert = /none", "[lookup] cacert: "),
        ("address = etcds://a\ncertfile = /none", "[lookup] certfile: "),
    ],
)
def test_invalid_etcd_setting_is_reported_in_one_line(text, expected, tmp_path):
    (tmp_path / "word").write_text("pw")
    with pytest.raises(ConfigError) as raised:
        read(text.replace("= W", f"= {tmp_path}/word"))
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "pw" not in str(raised.value).replace("would", "")
