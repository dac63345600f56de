"""`site.toml`: additions to the Content-Security-Policy, and invalid ones."""

import pytest

DEFAULT_POLICY = (
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self';"
    " object-src 'none'"
)
HASH = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"


@pytest.fixture
def policy(plugin_folder, api):
    """Return the policy of a site with a manifest."""

    async def policy(manifest):
        plugin_folder.write("ui/_site/index.html", "page")
        plugin_folder.write("ui/_site/site.toml", manifest)
        answer = await api.get("ui/")
        assert (answer.status, answer.body) == (200, b"page")
        return answer.headers["content-security-policy"]

    return policy


@pytest.mark.parametrize("manifest", ["", "[csp]\n", "[csp]\nimg-src = []\n", "# nothing\n"])
async def test_empty_manifest_keeps_default_policy(policy, manifest):
    assert await policy(manifest) == DEFAULT_POLICY


async def test_manifest_extends_policy(policy):
    assert await policy(
        f"""
        [csp]
        img-src = ["data:", "https://*.example.org"]
        script-src = ["{HASH}", "'wasm-unsafe-eval'"]
        style-src = ["'unsafe-inline'"]
        connect-src = ["wss://example.org:8443/feed"]
        font-src = ["data:"]
        media-src = ["blob:"]
        worker-src = ["blob:"]
        frame-src = ["http://localhost:8000"]
        """
    ) == (
        f"{DEFAULT_POLICY}; script-src 'self' {HASH} 'wasm-unsafe-eval';"
        " style-src 'self' 'unsafe-inline';"
        " img-src 'self' data: https://*.example.org; font-src 'self' data:;"
        " media-src 'self' blob:; connect-src 'self' wss://example.org:8443/feed;"
        " worker-src 'self' blob:; frame-src 'self' http://localhost:8000"
    )


async def test_manifest_applies_to_every_file_at_once(plugin_folder, policy, api):
    await policy('[csp]\nimg-src = ["data:"]')
    plugin_folder.write("ui/_site/app.js")
    script = await api.get("ui/app.js")
    assert "img-src 'self' data:" in script.headers["content-security-policy"]
    cached = await api.get("ui/app.js", if_none_match=script.headers["etag"])
    assert cached.headers["content-security-policy"] == script.headers["content-security-policy"]
    assert await policy("") == DEFAULT_POLICY


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("[csp", ""),
        ("x = 1", "`x`"),
        ("csp = 1", "`$.csp`"),
        ("[csp]\nimg-src = 'data:'", "`$.csp.img-src`"),
        ("[csp]\nimg-src = [1]", "`$.csp.img-src"),
        ("[csp]\nframe-ancestors = ['https://example.org']", "`frame-ancestors`"),
        ("[csp]\ndefault-src = ['https:']", "`default-src`"),
        ("[csp]\nform-action = ['https://example.org']", "`form-action`"),
        ("[csp]\nimgsrc = []", "`imgsrc`"),
        ("[headers]\nX-Content-Type-Options = ''", "`headers`"),
        ("[csp]\nscript-src = [\"'unsafe-inline'\"]", "csp.script-src: \"'unsafe-inline'\""),
        ("[csp]\nscript-src = [\"'unsafe-eval'\"]", "csp.script-src: \"'unsafe-eval'\""),
        ("[csp]\nscript-src = ['data:']", "csp.script-src: 'data:'"),
        ("[csp]\nscript-src = ['*']", "csp.script-src: '*'"),
        ("[csp]\nimg-src = ['https:']", "csp.img-src: 'https:'"),
        ('[csp]\nimg-src = ["data:; frame-ancestors *"]', "csp.img-src: 'data:; frame"),
        ('[csp]\nimg-src = ["data:\\nX-Evil: 1"]', "csp.img-src: 'data:\\nX-Evil: 1'"),
        ('[csp]\nimg-src = ["data:\\n"]', "csp.img-src: 'data:\\n'"),
        (
            "[csp]\nimg-src = ['https://x.example/\u65e5']",
            "csp.img-src: 'https://x.example/\u65e5'",
        ),
        ("[csp]\nimg-src = ['data:', '']", "csp.img-src: ''"),
        (b"\xff\xfe", ""),
        ("#" * 17_000, "must be at most 16384 bytes"),
    ],
)
async def test_invalid_manifest_is_logged_once_and_not_used(
    plugin_folder, policy, caplog, manifest, reason
):
    for _ in range(3):
        assert await policy(manifest) == DEFAULT_POLICY
    [line] = [each.getMessage() for each in caplog.records if each.name == "gaffer_sites"]
    assert line.startswith(
        f"{plugin_folder}/ui/_site/site.toml: ".replace(str(plugin_folder), str(plugin_folder.path))
    )
    assert line.endswith(": served with the default policy")
    assert reason in line
    assert "\n" not in line


async def test_manifest_writable_by_others_is_not_used(plugin_folder, api, caplog):
    plugin_folder.write("ui/_site/index.html", "page")
    plugin_folder.write("ui/_site/site.toml", '[csp]\nimg-src = ["data:"]').chmod(0o666)
    assert (await api.get("ui/")).headers["content-security-policy"] == DEFAULT_POLICY
    assert "site.toml is writable by other users" in caplog.text


async def test_manifest_that_is_a_folder_is_not_used(plugin_folder, api, caplog):
    plugin_folder.write("ui/_site/index.html", "page")
    plugin_folder.write("ui/_site/site.toml/x")
    assert (await api.get("ui/")).headers["content-security-policy"] == DEFAULT_POLICY
    assert "site.toml: must be a file" in caplog.text


async def test_missing_manifest_gives_default_policy(plugin_folder, api):
    plugin_folder.write("ui/_site/index.html", "page")
    assert (await api.get("ui/")).headers["content-security-policy"] == DEFAULT_POLICY
