"""`gafferctl shutdown`."""

import trio
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, JobConfig, open_kernel


async def test_shutdown_stops_all_processes_and_gafferd(ask, environ):
    config = Config()
    config.options["bind"] = "127.0.0.1:0"
    async with open_kernel(config, plugins=[http_plugin]) as kernel:
        environ["GAFFER_ENDPOINT"] = kernel.services["http"].addresses[0]
        job = kernel.manager.load(JobConfig(name="web", cmd="sleep 1000"))
        await job.settled()
        done = await ask("gafferctl", "shutdown")
        assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
        with trio.fail_after(10):
            await job.gone.wait()
        assert kernel.stopping
    failed = await ask("gafferctl", "shutdown")
    assert failed.returncode == 4
