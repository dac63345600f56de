"""Tests of the parser with Procfiles of real applications, and invalid ones."""

import pytest
from gaffer_kernel.errors import ConfigError

from gaffer_procfile import Procfile

REAL = {
    "django": (
        "release: python manage.py migrate --noinput\n"
        "web: gunicorn shop.wsgi --bind 0.0.0.0:$PORT --log-file -\n"
        "worker: celery -A shop worker -l info --concurrency=2\n"
        "beat: celery -A shop beat -S django\n",
        {
            "release": "python manage.py migrate --noinput",
            "web": "gunicorn shop.wsgi --bind 0.0.0.0:$PORT --log-file -",
            "worker": "celery -A shop worker -l info --concurrency=2",
            "beat": "celery -A shop beat -S django",
        },
    ),
    "rails": (
        "web:       bundle exec puma -t 5:5 -p ${PORT:-3000} -e ${RACK_ENV:-development}\n"
        "worker:    bundle exec sidekiq -q default -q mailers\n"
        "scheduler: bundle exec clockwork clock.rb\n",
        {
            "web": "bundle exec puma -t 5:5 -p ${PORT:-3000} -e ${RACK_ENV:-development}",
            "worker": "bundle exec sidekiq -q default -q mailers",
            "scheduler": "bundle exec clockwork clock.rb",
        },
    ),
    "rails with assets": (
        "web: env RUBY_DEBUG_OPEN=true bin/rails server\n"
        "js: yarn build --watch\n"
        "css: yarn watch:css\n",
        {
            "web": "env RUBY_DEBUG_OPEN=true bin/rails server",
            "js": "yarn build --watch",
            "css": "yarn watch:css",
        },
    ),
    "node without a last line break": ("web: node server.js", {"web": "node server.js"}),
    "windows": (
        "web: waitress-serve --port=%PORT% app:app\r\n\r\nworker: python worker.py\r\n",
        {"web": "waitress-serve --port=%PORT% app:app", "worker": "python worker.py"},
    ),
    "byte order mark": ("\ufeffweb: serve\n", {"web": "serve"}),
    "comments": (
        "# What runs in production.\n\n  # indented\nweb: serve # not a comment of ours\n#old: x\n",
        {"web": "serve # not a comment of ours"},
    ),
    "dashes, underscores and digits": (
        "celery-beat: a\ncelery_worker: b\nworker2: c\n2nd: d\n",
        {"celery-beat": "a", "celery_worker": "b", "worker2": "c", "2nd": "d"},
    ),
    "quotes and shell": (
        "web: sh -c 'cd src && exec uvicorn \"app:main\"'\n"
        'log: tail -F log/*.log 2>&1 | grep -v "GET /health"\n'
        "seed: [ -f done ] || (./seed.sh && touch done)\n",
        {
            "web": "sh -c 'cd src && exec uvicorn \"app:main\"'",
            "log": 'tail -F log/*.log 2>&1 | grep -v "GET /health"',
            "seed": "[ -f done ] || (./seed.sh && touch done)",
        },
    ),
    "urls and colons": (
        "proxy: caddy reverse-proxy --from :80 --to http://127.0.0.1:5000\n",
        {"proxy": "caddy reverse-proxy --from :80 --to http://127.0.0.1:5000"},
    ),
    "odd spacing": (
        "  web :\tserve --now   \nworker:work\n\t\n",
        {"web": "serve --now", "worker": "work"},
    ),
    "java and go": (
        "web: java $JAVA_OPTS -Dserver.port=$PORT -jar build/libs/*.jar\nworker: bin/worker -v=2\n",
        {
            "web": "java $JAVA_OPTS -Dserver.port=$PORT -jar build/libs/*.jar",
            "worker": "bin/worker -v=2",
        },
    ),
    "the example of gaffer": (
        "dummy: python -u dummy_basic.py\ndummy1: python -u dummy_basic.py\n",
        {"dummy": "python -u dummy_basic.py", "dummy1": "python -u dummy_basic.py"},
    ),
    "percent and dollar": ("d: date +%Y-%m-%d; echo $$ $0\n", {"d": "date +%Y-%m-%d; echo $$ $0"}),
}


@pytest.mark.parametrize("name", REAL)
def test_real_procfile_parses(name):
    text, expected = REAL[name]
    found = Procfile.parse(text)
    assert {entry.name: entry.command for entry in found.entries.values()} == expected
    assert list(found.entries) == list(expected)


def test_entries_have_line_numbers():
    found = Procfile.parse("# a\r\n\r\nweb: a\r\rworker: b\n")
    assert [entry.line for entry in found.entries.values()] == [3, 5]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("web serve\n", 1, "type: command"),
        ("web: a\nclock.x: b\n", 2, "clock.x"),
        ("web: a\n\nwörker: b\n", 3, "letters"),
        ("web:\n", 1, "web has no command"),
        ("web:   \n", 1, "web has no command"),
        (": a\n", 1, "type: command"),
        ("web: a\nworker: b\nweb: c\n", 3, "in line 1"),
        ("-web: a\n", 1, "first one no -"),
        ("123: a\n", 1, "all digits"),
        ("web: a \\\n  --more\n", 2, "--more"),
    ],
)
def test_invalid_line_is_named(text, line, words):
    with pytest.raises(ConfigError) as raised:
        Procfile.parse(text, "app/Procfile")
    assert str(raised.value).startswith(f"app/Procfile:{line}: ")
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_empty_procfile_is_refused(text):
    with pytest.raises(ConfigError, match="Procfile: has no line"):
        Procfile.parse(text)


def test_unreadable_file_is_named(tmp_path):
    for name, data, words in (
        ("none", None, "No such file"),
        ("latin", b"web: a\nx: \xfc\n", "latin:2: is not UTF-8"),
        ("nul", b"web: a\0\n", "nul:1: has a NUL"),
    ):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(ConfigError, match=words):
            Procfile.read(tmp_path / name)
