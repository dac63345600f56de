"""The commands over unix sockets, and over TLS with a token."""

import re
import tempfile
from pathlib import Path

import pytest
import trustme
from gaffer_auth.plugin import plugin as auth_plugin
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, JobConfig, open_kernel
from gaffer_testing.waiting import until


def load(kernel, **fields):
    config = JobConfig(
        name="web",
        cmd="sh -c 'echo hello; exec sleep 1000'",
        redirect_output=("out",),
        **fields,
    )
    return kernel.manager.load(config, "shop")


class TestUnixSocket:
    """gafferd on a unix socket."""

    @pytest.fixture
    def path(self):
        """A path short enough for a unix socket, for any test name."""
        with tempfile.TemporaryDirectory(prefix="g") as folder:
            yield Path(folder) / "socket"

    @pytest.fixture
    async def kernel(self, path):
        config = Config()
        config.options["bind"] = f"unix:{path}"
        async with open_kernel(config, plugins=[http_plugin]) as kernel:
            yield kernel

    async def test_verbs_over_a_unix_socket(self, kernel, ask, path):
        load(kernel, start=False)
        options = ("--connect", f"unix:{path}")
        assert (await ask("gafferctl", *options, "processes")).stdout == "shop.web\n"
        assert (await ask("gafferctl", "start", "shop.web", *options)).stdout == "ok\n"
        output = (await ask("gaffer", "scale", "shop", "web+1", *options)).stdout
        assert output == "Scaling web processes... done, now running 2\n"
        assert "\nweb.2  active " in (await ask("gaffer", "ps", "shop", *options)).stdout
        done = await ask("gaffer", *options, "unload", "shop")
        assert done.stdout == "'shop' unloaded\n"


class TestTls:
    """gafferd over HTTPS, with tokens."""

    @pytest.fixture
    def files(self, tmp_path):
        folder = tmp_path / "tls"
        folder.mkdir()
        ca = trustme.CA()
        ca.cert_pem.write_to_path(folder / "ca")
        ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server")
        return folder

    @pytest.fixture
    async def kernel(self, files, environ, monkeypatch):
        monkeypatch.setenv("HOME", environ["HOME"])
        ini = f"[endpoint:api]\nbind = 127.0.0.1:0\ncertfile = {files}/server\n"
        config = Config.from_string(ini)
        async with open_kernel(config, plugins=[http_plugin, auth_plugin]) as kernel:
            yield kernel

    @pytest.fixture
    def token(self, command, tmp_path):
        """Write a token to a file: `path = token("ci", "--right", "manage")`."""

        def make(name, *options):
            done = command("gaffer-auth", "token", name, *options)
            assert done.returncode == 0, done.stderr
            (tmp_path / name).write_text(done.stdout)
            return tmp_path / name

        return make

    @pytest.fixture
    def options(self, url, files):
        return ("--connect", url.replace("127.0.0.1", "localhost"), "--cacert", f"{files}/ca")

    async def test_verbs_over_tls_with_a_token(self, kernel, ask, token, options):
        job = load(kernel)
        await job.settled()
        log = job.processes[0].outputs.logs["out"]
        await until(lambda: log.end == 6)
        ci = token("ci", "--right", "manage", "--session", "shop")
        options = (*options, "--token-file", ci)
        assert (await ask("gafferctl", "add", "shop.web", 1, *options)).stdout == "2\n"
        done = await ask("gaffer", "logs", "--no-follow", "shop.web", *options)
        assert re.match(r"\d\d:\d\d:\d\d web\.1 \| hello\n", done.stdout)
        assert (await ask("gafferctl", "stop", "shop.web", *options)).stdout == "ok\n"

    async def test_missing_permission_is_one_line(self, kernel, ask, token, options):
        load(kernel)
        options = (*options, "--token-file", token("screen"))
        assert (await ask("gafferctl", "status", "shop.web", *options)).stdout == "active\n"
        done = await ask("gafferctl", "stop", "shop.web", *options)
        assert (done.returncode, done.stdout) == (1, "")
        assert "has no permission to manage" in done.stderr
        assert done.stderr.count("\n") == 1

    async def test_wrong_token_is_one_line(self, kernel, ask, tmp_path, options):
        (tmp_path / "wrong").write_text("gfr_wrong")
        done = await ask("gafferctl", "processes", *options, "--token-file", "wrong")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1

    async def test_untrusted_certificate_is_one_line(self, kernel, ask, url):
        done = await ask("gafferctl", "processes", "--connect", url)
        assert done.returncode == 4
        assert done.stderr.startswith(f"gafferctl: {url}: certificate not trusted: ")
        assert done.stderr.endswith("; --cacert names the certificates to check it against\n")
        assert done.stderr.count("\n") == 1

    async def test_refusing_lookupd_is_named(self, kernel, ask, tmp_path, options):
        (tmp_path / "wrong").write_text("gfr_wrong")
        _, url, *ca = options
        done = await ask("gafferctl", "--lookup", url, *ca, "--token-file", "wrong", "nodes")
        message = f"gafferctl: {url}: this token is unknown, revoked or expired\n"
        assert (done.returncode, done.stderr) == (1, message)

    async def test_untrusted_lookupd_certificate_suggests_cacert(self, kernel, ask, url):
        done = await ask("gafferctl", "--lookup", url, "nodes")
        assert done.returncode == 4
        assert done.stderr.startswith(f"gafferctl: no lookupd answers: {url}: certificate ")
        assert done.stderr.endswith("; --cacert names the certificates to check it against\n")
