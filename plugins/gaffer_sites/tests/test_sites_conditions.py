"""HEAD, conditional requests and ranges."""

import os

import pytest

BODY = b"0123456789"
DAY = 86400


@pytest.fixture
def file(plugin_folder):
    file = plugin_folder.write("ui/_site/ten.txt", BODY)
    os.utime(file, (20 * DAY, 20 * DAY))
    return file


@pytest.fixture
def get(file, api):
    async def get(method="GET", **headers):
        return await api.get("ui/ten.txt", method, **headers)

    return get


async def test_head_is_get_without_body(get):
    full, head = await get(), await get("HEAD")
    assert (head.status, head.body) == (200, b"")
    assert {**head.headers, "date": ""} == {**full.headers, "date": ""}
    assert head.headers["content-length"] == "10"


async def test_response_has_etag_and_last_modified(get):
    headers = (await get()).headers
    assert headers["etag"].startswith('"')
    assert headers["last-modified"] == "Wed, 21 Jan 1970 00:00:00 GMT"
    assert headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_current_version_is_304(get, method):
    first = await get()
    tag = first.headers["etag"]
    for headers in (
        {"if_none_match": tag},
        {"if_none_match": f'"other", W/{tag}'},
        {"if_none_match": "*"},
        {"if_none_match": tag, "if_modified_since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"if_none_match": tag, "range": "bytes=0-1"},
        {"if_modified_since": first.headers["last-modified"]},
        {"if_modified_since": "Thu, 01 Jan 2026 00:00:00 GMT"},
    ):
        answer = await get(method, **headers)
        assert (answer.status, answer.body) == (304, b""), headers
        assert answer.headers["etag"] == tag
        assert not {"content-type", "content-length"} & set(answer.headers)
        assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"if_none_match": '"other"'},
        {"if_none_match": '"other"', "if_modified_since": "Thu, 01 Jan 2026 00:00:00 GMT"},
        {"if_modified_since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"if_modified_since": "yesterday"},
        {"if_match": "*"},
        {"range": "bytes=0-1,3-4"},
        {"range": "lines=0-1"},
        {"range": "bytes=5-2"},
        {"range": "bytes"},
        {"range": "bytes=-0"},
        {"range": f"bytes={'9' * 5000}-"},
        {"range": "bytes=0-1", "if_range": '"other"'},
        {"range": "bytes=0-1", "if_range": "Thu, 01 Jan 2026 00:00:00 GMT"},
    ],
)
async def test_other_conditions_and_invalid_ranges_get_whole_file(get, headers):
    answer = await get(**headers)
    assert (answer.status, answer.body) == (200, BODY)


async def test_changed_file_has_other_etag(get, file):
    tag = (await get()).headers["etag"]
    os.utime(file, (20 * DAY, 21 * DAY))
    touched = (await get(if_none_match=tag)).headers["etag"]
    file.with_name("new").write_bytes(BODY)
    os.utime(file.with_name("new"), (20 * DAY, 21 * DAY))
    file.with_name("new").chmod(0o644)
    file.with_name("new").replace(file)
    replaced = await get(if_none_match=touched)
    assert replaced.status == 200
    assert len({tag, touched, replaced.headers["etag"]}) == 3


@pytest.mark.parametrize(
    ("requested", "part", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=7-99", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", BODY, "bytes 0-9/10"),
    ],
)
async def test_range_is_206(get, requested, part, content_range):
    answer = await get(range=requested)
    assert (answer.status, answer.body) == (206, part)
    assert answer.headers["content-range"] == content_range
    assert answer.headers["content-length"] == str(len(part))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_if_range_with_current_version_is_206(get):
    first = await get()
    for condition in (first.headers["etag"], first.headers["last-modified"]):
        assert (await get(range="bytes=1-2", if_range=condition)).body == b"12"


@pytest.mark.parametrize("requested", ["bytes=10-", "bytes=99-100"])
async def test_range_beyond_end_is_416(get, requested):
    answer = await get(range=requested)
    assert (answer.status, answer.json["error"]) == (416, "requested_range_not_satisfiable")
    assert answer.headers["content-range"] == "bytes */10"


async def test_head_ignores_range(get):
    answer = await get("HEAD", range="bytes=0-1")
    assert (answer.status, answer.headers["content-length"]) == (200, "10")


async def test_range_of_large_file(plugin_folder, api):
    content = os.urandom(1_000_000)
    plugin_folder.write("ui/_site/large", content)
    answer = await api.get("ui/large", range="bytes=300000-899999")
    assert answer.body == content[300_000:900_000]


async def test_if_match_with_other_etag_is_412(get):
    tag = (await get()).headers["etag"]
    assert (await get(if_match=tag)).status == 200
    assert (await get(if_match='"other"')).json["error"] == "precondition_failed"
