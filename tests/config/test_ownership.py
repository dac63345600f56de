import pytest

from gaffer_kernel.config import Config
from gaffer_kernel.errors import ConfigError


def get_error(text: str, *owned: str) -> str:
    with pytest.raises(ConfigError) as caught:
        Config.from_string(text, "a.ini").check_owned(owned)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[gaffer]\n",
        "[gaffer]\nplugin_dir = x\nplugins_dir = x\ndisable_plugins = x\npidfile = x\n",
        "[process:a]\n[job:a]\n[env:a]\n[process:b:c]\n",
    ],
)
def test_sections_of_the_kernel_are_owned(text):
    Config.from_string(text).check_owned()


def test_plugins_can_own_sections_prefixes_and_keys():
    text = "[webhooks]\na = b\n[endpoint:x]\nbind = y\n[gaffer]\nhttp_endpoints = x\n"

    Config.from_string(text).check_owned(["webhooks", "endpoint:", "gaffer.http_endpoints"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[proces:web]\n", "a.ini:1: [proces:web] unknown section, did you mean 'process:web'?"),
        ("\n[gafer]\n", "a.ini:2: [gafer] unknown section, did you mean 'gaffer'?"),
        ("[Gaffer]\n", "a.ini:1: [Gaffer] unknown section, did you mean 'gaffer'?"),
        ("[process]\n", "a.ini:1: [process] unknown section, did you mean 'process:'?"),
        ("[zzz]\n", "a.ini:1: [zzz] unknown section"),
        ("[DEFAULT]\n", "a.ini:1: [DEFAULT] unknown section"),
        ("[custom:x]\n", "a.ini:1: [custom:x] unknown section, did you mean 'custom'?"),
        (
            "[gaffer]\nplugin_dri = x\n",
            "a.ini:2: [gaffer] plugin_dri: unknown key, did you mean 'plugin_dir'?",
        ),
        ("[gaffer]\nzzz = x\n", "a.ini:2: [gaffer] zzz: unknown key"),
        (
            "[webhooks]\n",
            "a.ini:1: [webhooks] belongs to gaffer-webhooks, which is not installed or is disabled",
        ),
        (
            "[gaffer]\nbind = 127.0.0.1:5000\n",
            "a.ini:2: [gaffer] bind: was read by gaffer 0.5: write it in a section"
            " [endpoint:NAME], and http_endpoints = NAME here; docs/migration.md lists all changes",
        ),
        (
            "[gaffer]\nlookupd_address2 = http://a:5010\n",
            "a.ini:2: [gaffer] lookupd_address2: was read by gaffer 0.5: write all addresses in"
            " address of the section [lookup]; docs/migration.md lists all changes",
        ),
        (
            "[gaffer]\npidfile = x\n[ssl]\ncertfile = x\n",
            "a.ini:3: [ssl] was read by gaffer 0.5: write certfile and keyfile in a section"
            " [endpoint:NAME]; docs/migration.md lists all changes",
        ),
        (
            "[endpoint:public]\n",
            "a.ini:1: [endpoint:public] belongs to gaffer-http, "
            "which is not installed or is disabled",
        ),
        (
            "[gaffer]\nhttp_endpoints = public\n",
            "a.ini:2: [gaffer] http_endpoints: belongs to gaffer-http, "
            "which is not installed or is disabled",
        ),
    ],
)
def test_a_section_or_key_without_an_owner_is_refused(text, message):
    assert get_error(text, "custom") == message


@pytest.mark.parametrize(
    "key",
    [
        *("bind", "backlog", "daemonize", "error_log", "log_level"),
        *("broadcast_address", "broadcast_port", "lookupd_address", "lookupd_address1"),
    ],
)
def test_a_key_of_gaffer_0_5_is_refused_with_its_replacement(key):
    assert "was read by gaffer 0.5: " in get_error(f"[gaffer]\n{key} = x\n")


@pytest.mark.parametrize("section", ["ssl", "lookup_ssl"])
def test_a_section_of_gaffer_0_5_is_refused_with_its_replacement(section):
    assert "was read by gaffer 0.5: " in get_error(f"[{section}]\n")


def test_a_plugin_may_own_a_name_of_gaffer_0_5():
    Config.from_string("[gaffer]\nbind = x\n[ssl]\n").check_owned(["ssl", "gaffer.bind"])
