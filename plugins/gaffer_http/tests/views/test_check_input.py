"""No route ignores a parameter or a body that it does not know."""

import pytest
from gaffer_kernel import JobConfig


async def test_every_route_refuses_unknown_parameters(api):
    await api.kernel.manager.load(JobConfig(name="web", cmd="sleep 60")).settled()
    values = {"session": "default", "name": "web", "pid": "1", "label": "out", "verb": "stop"}
    values |= {"p1": "start", "p2": "proc", "p3": "x", "signal": "HUP", "number": "1"}
    paths = (await api.ask("GET", "/openapi.json")).json["paths"]
    checked = []
    for template, operations in paths.items():
        try:
            path = template.format(**values)
        except KeyError:
            continue
        for method in operations:
            answer = await api.ask(method.upper(), f"{path}?sesion=s")
            if answer.status != 404:
                assert answer.status == 400, (method, path, answer.body)
                assert "sesion: is not a parameter of this request" in answer.json["reason"]
                checked.append(template)
    assert len(checked) > 60


@pytest.mark.parametrize("path", ["/sessions/default/stop", "/sessions/default/restart"])
async def test_body_of_a_request_that_takes_none_is_refused(api, path):
    answer = await api.ask("POST", path, b'{"job": "web"}', content_type="application/json")
    assert answer.status == 400
    assert answer.json["reason"] == f"POST {path} takes no body: leave it out"
    assert (await api.ask("POST", path)).status in (200, 202, 404)
