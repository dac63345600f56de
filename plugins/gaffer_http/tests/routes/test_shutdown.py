"""`/shutdown`."""


async def test_shutdown_is_answered_and_stops_the_kernel(api):
    answer = await api.ask("POST", "/shutdown")
    assert (answer.status, answer.json) == (202, {"ok": True})
    assert api.kernel.stopping


async def test_shutdown_takes_only_post_without_parameters(api):
    assert (await api.ask("GET", "/shutdown")).status == 405
    assert (await api.ask("POST", "/shutdown?now=1")).status == 400
    assert not api.kernel.stopping
