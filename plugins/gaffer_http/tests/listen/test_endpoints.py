"""Endpoints: sections of the file, options that override them, and errors."""

import argparse

import pytest
import trustme
from gaffer_kernel import Config, ConfigError

from gaffer_http.listen.endpoints import add_options, read_endpoints
from gaffer_http.plugin import plugin as http_plugin


def endpoints(ini="", **options):
    config = Config.from_string(ini, "gaffer.ini")
    config.options |= options
    return {
        each.name: ([str(address) for address in each.addresses], each.backlog)
        for each in read_endpoints(config)
    }


def refusal(ini="", **options):
    with pytest.raises(ConfigError) as raised:
        endpoints(ini, **options)
    return str(raised.value)


TWO = """\
[gaffer]
http_endpoints = a, b
[endpoint:a]
bind = 127.0.0.1:1,unix:/run/g.sock
[endpoint:b]
bind = [::1]:2
backlog = 7
[endpoint:c]
bind = 127.0.0.1:3
"""


def test_default_is_the_documented_endpoint():
    assert endpoints() == {"default": (["127.0.0.1:5000"], 128)}


def test_ports_are_reserved_for_other_plugins():
    config = Config.from_string(TWO)
    http_plugin.gaffer_configure(config)
    assert config.reserved_ports == {1, 2}


def test_named_endpoints_of_the_file_are_used():
    assert endpoints(TWO) == {
        "a": (["127.0.0.1:1", "unix:/run/g.sock"], 128),
        "b": (["[::1]:2"], 7),
    }


def test_all_endpoints_are_used_when_none_is_named():
    assert endpoints("[endpoint:a]\nbind=127.0.0.1:1\n[endpoint:b]\n") == {
        "a": (["127.0.0.1:1"], 128),
        "b": (["127.0.0.1:5000"], 128),
    }


def test_bind_can_be_repeated():
    found = endpoints(bind=["127.0.0.1:1", "127.0.0.2:2,127.0.0.3:3"])["default"][0]
    assert found == ["127.0.0.1:1", "127.0.0.2:2", "127.0.0.3:3"]
    assert refusal(bind=["127.0.0.1:1", "127.0.0.1:1"]) == "--bind: names 127.0.0.1:1 twice"


def test_bind_replaces_the_endpoints_of_the_file():
    assert endpoints(TWO, bind="127.0.0.2:9, 127.0.0.3:9") == {
        "default": (["127.0.0.2:9", "127.0.0.3:9"], 128)
    }


def test_options_override_keys_of_the_file():
    assert [backlog for _, backlog in endpoints(TWO, backlog=9).values()] == [9, 9]


def test_port_zero_can_be_used_twice():
    assert endpoints(bind="127.0.0.1:0,127.0.0.1:0")["default"][0] == ["127.0.0.1:0"] * 2


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ("[gaffer]\nhttp_endpoints=publc\n[endpoint:public]", "gaffer.ini:2: [gaffer] http_endpoi"),
        ("[gaffer]\nhttp_endpoints=", "names no endpoint"),
        ("[endpoint:a]\nbnd = x:1", "gaffer.ini:2: [endpoint:a] bnd: unknown key, did you mean"),
        ("[endpoint:a]\nbind = 5000", "gaffer.ini:2: [endpoint:a] bind: must be host:port"),
        ("[endpoint:a]\nbind = 0.0.0.0:80", "0.0.0.0:80 can be reached from other machines"),
        ("[endpoint:a]\nbind = [::]:80", "[::]:80 can be reached from other machines"),
        ("[endpoint:a]\nbind = 127.0.0.1:80, 10.0.0.1:80", "10.0.0.1:80 can be reached"),
        ("[endpoint:a]\nbind = 127.0.0.1:8 127.0.0.1:8", "names 127.0.0.1:8 twice"),
        ("[endpoint:a]\nbind = ,", "names no address"),
        ("[endpoint:a]\nbind =", "names no address"),
        (f"{TWO}backlg = 1", "[endpoint:c] backlg: unknown key, did you mean 'backlog'?"),
        ("[endpoint:a]\nbacklog = many", "gaffer.ini:2: [endpoint:a] backlog: must be a whole"),
        ("[endpoint:a]\nbacklog = 0", "backlog: must be from 1 to"),
        ("[endpoint:a]\nmode = rw", "gaffer.ini:2: [endpoint:a] mode: must be a mode like 0660"),
        ("[endpoint:a]\nclient_ca = /c", "client_ca: needs a certfile"),
        ("[endpoint:a]\nclient_certificate = required", "needs client_ca"),
        (
            "[endpoint:a]\nclient_ca = /c\nclient_certificate = perhaps",
            "client_certificate: must be optional or required, not 'perhaps'",
        ),
        ("[endpoint:a]\nkeyfile = /k", "needs a certfile"),
        ("[endpoint:a]\ncertfile = /no/such", "certfile: cannot read /no/such: No such file"),
    ],
)
def test_invalid_endpoints_are_refused(ini, message):
    assert message in refusal(ini)


def test_errors_in_options_name_the_option():
    assert refusal(bind="0.0.0.0:1").startswith("--bind: 0.0.0.0:1 can be reached")
    assert refusal(bind="") == "--bind: names no address"
    assert refusal(backlog=-1).startswith("--backlog: must be from 1")
    assert refusal(certfile="/no").startswith("--certfile: cannot read /no")


def test_errors_of_the_file_are_reported_despite_bind():
    assert "bnd: unknown key" in refusal("[endpoint:a]\nbnd = x", bind="127.0.0.1:1")
    assert "no section" in refusal("[gaffer]\nhttp_endpoints = x", bind="127.0.0.1:1")


def test_tls_is_set_per_endpoint(tmp_path):
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "both.pem"
    )
    config = Config.from_string(
        f"[endpoint:a]\ncertfile = {tmp_path}/both.pem\n[endpoint:b]\nbind = 127.0.0.1:1\n"
    )
    one, other = read_endpoints(config)
    assert one.tls is not None
    assert other.tls is None


def test_command_line_options_are_read():
    parser = argparse.ArgumentParser()
    add_options(parser)
    given = parser.parse_args(["--bind", "x:1", "--certfile=c", "--keyfile=k", "--backlog", "5"])
    assert vars(given) == {"bind": ["x:1"], "certfile": "c", "keyfile": "k", "backlog": 5}
    assert set(vars(parser.parse_args([])).values()) == {None}
    with pytest.raises(SystemExit):
        parser.parse_args(["--backlog", "x"])


def test_paths_are_relative_to_the_file_and_options_to_the_current_folder(tmp_path, monkeypatch):
    ca = trustme.CA()
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("both.pem", "~/both.pem"):
        ini = f"[endpoint:a]\nbind = unix:run/a.sock, unix:~/b.sock\ncertfile = {name}\n"
        [found] = read_endpoints(Config.from_string(ini, "../gaffer.ini"))
        assert found.tls is not None
        expected = [f"unix:{tmp_path}/run/a.sock", f"unix:{tmp_path}/b.sock"]
        assert [str(address) for address in found.addresses] == expected
    assert endpoints(bind="unix:a.sock", certfile="../both.pem")["default"] == (
        [f"unix:{tmp_path}/here/a.sock"],
        128,
    )
    assert endpoints(bind="unix:~/a.sock")["default"][0] == [f"unix:{tmp_path}/a.sock"]
