"""Keys of the sections of plugins that their owner does not read: refused without its help."""

from contextlib import asynccontextmanager

import pytest

from gaffer_kernel import Config, ConfigError, Kernel, Plugin, PluginError, hookimpl, open_kernel
from gaffer_kernel.testing import FakeSystem


class Tally:
    """A plugin without code for unknown keys."""

    @hookimpl
    def gaffer_config_sections(self):
        return ["tally", "tally:", "gaffer.tally_file"]

    @hookimpl
    def gaffer_configure(self, config):
        sections = [config.section("tally"), *config.prefixed("tally:").values()]
        for section in filter(None, sections):
            self.read(section)

    def read(self, section):
        section.getint("workers", 1)
        section.get("name")


def configure(text, *plugins):
    config = Config.from_string(text, "a.ini")
    Kernel(config, plugins=plugins or [Tally()], system=FakeSystem()).configure()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[tally]\nname = x\nwrokers = 2\n",
            "a.ini:3: [tally] wrokers: unknown key, did you mean 'workers'?",
        ),
        ("[tally]\nzzz = 2\n", "a.ini:2: [tally] zzz: unknown key"),
        (
            "[tally:a]\nworkers = 1\n[tally:b]\nnmae = x\n",
            "a.ini:4: [tally:b] nmae: unknown key, did you mean 'name'?",
        ),
    ],
)
def test_a_key_that_the_plugin_does_not_read_is_refused(text, message):
    with pytest.raises(ConfigError) as caught:
        configure(text)
    assert str(caught.value) == message


def test_keys_that_the_plugin_reads_are_accepted():
    configure("[gaffer]\ntally_file = x\n[tally]\nworkers = 1\n[tally:a]\nname = x\n")


def test_a_section_that_is_skipped_has_the_keys_of_its_siblings():
    class Selective(Tally):
        def gaffer_configure(self, config):
            self.read(config.prefixed("tally:")["a"])

        gaffer_configure = hookimpl(gaffer_configure)

    configure("[tally:a]\nworkers = 1\n[tally:b]\nworkers = 1\n", Selective())
    with pytest.raises(ConfigError, match=r"\[tally:b\] zzz: unknown key"):
        configure("[tally:a]\nworkers = 1\n[tally:b]\nzzz = 1\n", Selective())


def test_a_plugin_that_lists_the_keys_judges_them_itself():
    class Free(Tally):
        def read(self, section):
            dict(section.items())
            section.get("name")

    configure("[tally]\nanything = x\n", Free())


def test_all_unknown_keys_are_mistakes_except_those_of_a_plugin_with_an_error():
    class Other:
        @hookimpl
        def gaffer_config_sections(self):
            return ["other"]

        @hookimpl
        def gaffer_configure(self, config):
            config.section("other").getint("first")
            config.section("other").getint("second")

    text = "[tally]\na = 1\nb = 2\n[other]\nfirst = x\nsecond = 2\n"
    kernel = Kernel(Config.from_string(text, "a.ini"), plugins=[Tally(), Other()])
    assert sorted(map(str, kernel.find_mistakes())) == [
        "a.ini:2: [tally] a: unknown key",
        "a.ini:3: [tally] b: unknown key",
        "a.ini:5: [other] first: must be a whole number, not 'x'",
    ]


class Late:
    """A plugin that reads its section only when it opens."""

    name = "late"

    @hookimpl
    def gaffer_config_sections(self):
        return ["late"]

    @hookimpl
    @asynccontextmanager
    async def gaffer_service(self, kernel):
        section = kernel.config.section("late")
        yield section and section.get("name")


class LateClass(Plugin):
    """The same in the form of a class."""

    name = "late"

    @hookimpl
    def gaffer_config_sections(self):
        return ["late"]

    def app(self, cfg):
        cfg.get("late", "name")


@pytest.mark.parametrize("kind", [Late, LateClass])
async def test_a_key_that_is_not_read_while_the_plugin_opens_stops_the_start(kind, autojump_clock):
    text = "[late]\nname = x\nnmae = y\n"
    kernel = Kernel(Config.from_string(text, "a.ini"), plugins=[kind()], system=FakeSystem())
    with pytest.raises(PluginError) as caught:
        await kernel.run()
    assert str(caught.value) == (
        "plugin late: did not start: a.ini:3: [late] nmae: unknown key, did you mean 'name'?"
    )


async def test_a_reload_refuses_unknown_keys_and_changes_nothing(tmp_path, autojump_clock):
    file = tmp_path / "a.ini"
    file.write_text("[tally]\nworkers = 1\n[late]\nname = x\n")
    plugins = [Tally(), Late()]
    async with open_kernel(Config.read(file), plugins=plugins, system=FakeSystem()) as kernel:
        await kernel.reload()
        file.write_text("[tally]\nworkesr = 1\n[late]\nname = x\n")
        with pytest.raises(ConfigError, match="workesr: unknown key, did you mean 'workers'"):
            await kernel.reload()
        assert kernel.config.get("tally", "workers") == "1"
        assert [info.state for info in kernel.plugins.info()] == ["open", "open"]
        await kernel.plugins.reload("late")
