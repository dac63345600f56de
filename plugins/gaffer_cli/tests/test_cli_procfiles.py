"""Realistic Procfiles: `gaffer start` runs them unchanged.

Each program is a fake that prints its name and its arguments in brackets.
"""

import pytest

PROGRAM = """#!/bin/sh
said=${0##*/}
for word in "$@"; do said="$said[$word]"; done
echo "$said${SHOWN:+ SHOWN=$SHOWN}"
"""
PROGRAMS = (
    *("bin/rails", "bin/vite", "bin/release-tasks.sh", "bundle", "bundler", "celery", "daphne"),
    *("flask", "gulp", "gunicorn", "java", "jekyll", "mix", "node", "npm", "npx", "php", "puma"),
    *("python", "redis-server", "resque", "sidekiq", "uvicorn", "vendor/bin/heroku-php-apache2"),
    *("waitress-serve", "yarn", "manage.py"),
)

CORPUS = {
    "rails": (
        "web: bundle exec puma -t 5:5 -p ${PORT:-3000} -e ${RACK_ENV:-development}\n"
        "worker: bundle exec sidekiq -c 3 -v -r './config/boot sidekiq.rb'\n",
        {
            "web": "bundle[exec][puma][-t][5:5][-p][17000][-e][development]",
            "worker": "bundle[exec][sidekiq][-c][3][-v][-r][./config/boot sidekiq.rb]",
        },
    ),
    "rails-development": (
        "redis: redis-server --port 6380\n"
        "web: unset PORT && env SHOWN=true bin/rails server -p ${PORT:-3000}\n"
        "css: yarn build:css --watch\n"
        "js: yarn build --watch\n",
        {
            "redis": "redis-server[--port][6380]",
            "web": "rails[server][-p][3000] SHOWN=true",
            "css": "yarn[build:css][--watch]",
            "js": "yarn[build][--watch]",
        },
    ),
    "comments-and-blank-lines": (
        "# What runs in production.\n\n"
        "## Release tasks\n"
        "release: bash bin/release-tasks.sh\n\n"
        "\t# worker: bundle exec sidekiq\n"
        "web:   bin/rails server -p ${PORT:-5000}   \n\n",
        {"web": "rails[server][-p][17000]"},
    ),
    "django": (
        "release: python manage.py migrate --noinput\n"
        "web: python manage.py collectstatic --noinput && gunicorn config.wsgi:application"
        " --bind 0.0.0.0:$PORT --log-file -\n"
        "celery_worker: celery -A config.celery worker -l info -Q celery --concurrency 2\n"
        "celery-beat: celery -A config.celery beat -l info -S django\n",
        {
            "web": "gunicorn[config.wsgi:application][--bind][0.0.0.0:17000][--log-file][-]",
            "celery_worker": "celery[-A][config.celery][worker][-l][info][-Q][celery]"
            "[--concurrency][2]",
            "celery-beat": "celery[-A][config.celery][beat][-l][info][-S][django]",
        },
    ),
    "variables-in-front": (
        "web: waitress-serve --port=$PORT settings.wsgi:application\n"
        "worker: SHOWN=SIGQUIT celery --app=tasks worker --hostname=$DYNO@%h -Ofair --purge\n"
        "redis_TA_worker: python manage.py TA_worker\n",
        {
            "web": "waitress-serve[--port=17000][settings.wsgi:application]",
            "worker": "celery[--app=tasks][worker][--hostname=@%h][-Ofair][--purge] SHOWN=SIGQUIT",
            "redis_TA_worker": "python[manage.py][TA_worker]",
        },
    ),
    "node-without-a-last-line-end": (
        "web: node --max-old-space-size=460 server.js",
        {"web": "node[--max-old-space-size=460][server.js]"},
    ),
    "no-blank-after-the-colon-and-dos-line-ends": (
        "web:npm start\r\nwatch-css : npm run watch -- --poll=500\r\n",
        {"web": "npm[start]", "watch-css": "npm[run][watch][--][--poll=500]"},
    ),
    "java": (
        "web: java $JAVA_OPTS -Dserver.port=$PORT"
        " -cp target/classes:target/dependency/* app.Main\n",
        {
            "web": "java[-Xmx384m][-Xss512k][-Dserver.port=17000][-cp]"
            "[target/classes:target/dependency/*][app.Main]"
        },
    ),
    "another-folder": (
        "web: cd src && gunicorn 'app:create_app()' --access-logformat '%(h)s \"%(r)s\" %(s)s'\n"
        "jobs: (cd src; python -u manage.py rqworker high,default)\n",
        {
            "web": 'gunicorn[app:create_app()][--access-logformat][%(h)s "%(r)s" %(s)s]',
            "jobs": "python[-u][manage.py][rqworker][high,default]",
        },
    ),
    "code-in-quotes": (
        "web: python -c \"import app; app.create('a b'); print(1 if True else 2)\"\n"
        "shell: sh -c 'exec flask run --port=\"$PORT\"'\n",
        {
            "web": "python[-c][import app; app.create('a b'); print(1 if True else 2)]",
            "shell": "flask[run][--port=17100]",
        },
    ),
    "php": (
        "web: vendor/bin/heroku-php-apache2 -C apache.conf public/\n"
        "queue: php artisan queue:work --sleep=3 --tries=3 2>&1 | sed 's/^/queued: /'\n",
        {
            "web": "heroku-php-apache2[-C][apache.conf][public/]",
            "queue": "queued: php[artisan][queue:work][--sleep=3][--tries=3]",
        },
    ),
    "loops-and-background": (
        "loop: for each in one two; do npx gulp $each & done; wait\n"
        "trapped: trap 'echo \"got TERM\"' TERM; exec mix phx.server --no-halt\n",
        {"loop": "npx[gulp][two]", "trapped": "mix[phx.server][--no-halt]"},
    ),
    "long-names-and-numbers": (
        "web2: uvicorn app.main:app --host=0.0.0.0 --port=${PORT}\n"
        "a-very-long-name-of-a-process_type: daphne -b 0.0.0.0 -p $PORT config.asgi:application\n"
        "Clock: python clock.py >&2\n",
        {
            "web2": "uvicorn[app.main:app][--host=0.0.0.0][--port=17000]",
            "a-very-long-name-of-a-process_type": "daphne[-b][0.0.0.0][-p][17100]"
            "[config.asgi:application]",
            "Clock": "python[clock.py]",
        },
    ),
    "byte-order-mark": (
        "\ufeffweb: jekyll serve --port $PORT --title 'Žluťoučký kůň'\n",
        {"web": "jekyll[serve][--port][17000][--title][Žluťoučký kůň]"},
    ),
}


@pytest.fixture
def app(tmp_path):
    """A folder with fakes of all programs."""
    (tmp_path / "src").mkdir()
    (tmp_path / ".env").write_text('JAVA_OPTS="-Xmx384m -Xss512k"\n')
    for program in PROGRAMS:
        path = tmp_path / (program if "/" in program else f"programs/{program}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PROGRAM)
        path.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("name", CORPUS)
def test_realistic_procfile_starts(begin, app, environ, name):
    text, expected = CORPUS[name]
    (app / "Procfile").write_text(text, newline="")
    path = f"{app}/programs:{environ['PATH']}"
    shown = begin("start", "--on-exit", "continue", "-p", 17000, PATH=path, LC_ALL="C.UTF-8")
    assert shown.end() == 0, shown.text
    for type_, line in expected.items():
        assert line in shown.texts(f"{type_}.1"), shown.text
    started = {each.removesuffix(".1") for each, line in shown.lines if line.startswith("spawn ")}
    assert started == set(expected)
