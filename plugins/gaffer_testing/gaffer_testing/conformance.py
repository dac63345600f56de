"""What every plugin has to live up to, as tests that any of them can run.

from gaffer_testing import Conformance
import mine

class TestMine(Conformance):
    plugin = mine
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from gaffer_kernel import ConfigError

from gaffer_testing.checks import expect, run_check
from gaffer_testing.config_probe import documentation, example, noting_keys, owned, with_line
from gaffer_testing.faulty_plugin import Neighbour, hooks_brought_by
from gaffer_testing.harness import Bench
from gaffer_testing.import_probe import import_alone
from gaffer_testing.leaks import count, surplus
from gaffer_testing.setup import name_of

_WARM_UP = 3
"""Rounds after which what is made once, and kept, is there."""

_TRIES = 3

_UNKNOWN = "no_such_key"


class Conformance:
    """Derive a class from it, named `Test...`, and say in it what the plugin is.

    The tests run a kernel of their own on the real clock, with processes that only pretend and an
    empty HOME; they need no mode of pytest-trio.

    Attributes:
        plugin: a module, an object, a class of which each kernel gets an instance, or the Path of a
            folder plugin.
        beside: plugins that must be there too.
        config: the text of a configuration that it accepts.
        arguments: of gafferd's command line, for its options.
        free_sections: sections in which any key may stand.
        rounds: how often it is opened and closed to see whether something stays behind.
        stop_deadline: seconds it may take to close.
        import_seconds: of processor time that importing it may take, once the kernel is there.
    """

    plugin: ClassVar[Any]
    beside: ClassVar[Sequence[Any]] = ()
    config: ClassVar[str] = ""
    arguments: ClassVar[Sequence[str]] = ()
    free_sections: ClassVar[Sequence[str]] = ()
    rounds: ClassVar[int] = 20
    stop_deadline: ClassVar[float] = 5.0
    import_seconds: ClassVar[float] = 0.3

    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have a home of its own: nothing of the user's is read or written."""
        monkeypatch.setenv("HOME", str(tmp_path))

    # Its life

    def test_it_opens_and_closes(self) -> None:
        """It opens with the kernel, closes and opens while that runs, and ends with it."""

        async def check() -> None:
            async with self._bench.running() as run:
                expect(run.info.state == "open", f"it is {run.info.state}: {run.info.error}")
                await run.close()
                expect(run.info.state == "closed", f"it is {run.info.state}: {run.info.error}")
                await run.open()
            expect(run.info.state == "closed", f"it is {run.info.state} when the kernel has ended")
            expect(run.info.error is None, f"{run.info.error}")

        run_check(check)

    def test_its_hooks_do_not_raise_while_a_job_lives(self) -> None:
        """A job is loaded, writes, crashes and is unloaded; the plugin takes it."""

        async def check() -> None:
            async with self._bench.running() as run:
                await run.live()
                expect(run.info.failures == 0, f"{run.info.failures} hooks raised: see the log")
                expect(run.info.state == "open", f"it is {run.info.state}: {run.info.error}")

        run_check(check)

    def test_it_survives_a_neighbour_whose_hooks_raise(self) -> None:
        """Another plugin raises in all its hooks, those that this one brings included."""

        async def check() -> None:
            neighbour = Neighbour(hooks_brought_by(self._bench.plugins()))
            async with self._bench.running(neighbour) as run:
                neighbour.armed = True
                await run.live()
                # Its hooks may be called when a plugin opens.
                await run.kernel.plugins.reload(neighbour.name)
                await run.live()
                expect(bool(neighbour.raised), "the neighbour was never called")
                expect(run.info.state == "open", f"it is {run.info.state}: {run.info.error}")

        run_check(check)

    def test_it_leaks_nothing(self) -> None:
        """Opened and closed many times, it leaves no tasks, descriptors or subscriptions behind."""

        async def check() -> None:
            async with self._bench.running() as run:
                await run.close()
                for number in range(self.rounds):
                    if number == min(_WARM_UP, self.rounds - 1):
                        before = count(run.kernel)
                    await run.open()
                    await run.live()
                    await run.close()
                left = await surplus(run.kernel, before)
                expect(not left, f"after opening and closing it, there is more than before: {left}")

        run_check(check)

    def test_it_stops_in_time(self) -> None:
        """It closes within `stop_deadline`, by itself and with the kernel."""

        async def check() -> None:
            async with self._bench.running() as run:
                await run.live()
                await run.close()
                expect(run.info.error is None, f"{run.info.error}")
                await run.open()
                await run.live()
            expect(run.info.error is None, f"{run.info.error}")
            expect(run.info.state == "closed", f"it is {run.info.state} when the kernel has ended")

        run_check(check)

    # Its configuration

    def test_it_documents_what_it_owns(self) -> None:
        """Each section and key is named in its README, its docs or its docstring."""
        text = documentation(self.plugin)
        missing = [each for each in (*self._owned, *self._keys()) if _written(each) not in text]
        expect(not missing, f"not documented: {', '.join(missing)}")

    def test_it_refuses_unknown_keys(self) -> None:
        """A key that it does not know, in a section of its own, is an error that names the key."""
        for section in filter(None, map(example, self._owned)):
            if section not in self.free_sections:
                text = with_line(self.config, section, f"{_UNKNOWN} = 1")
                error = self._refusal(text)
                expect(error is not None, f"[{section}] takes {_UNKNOWN} = 1")
                expect(_UNKNOWN in str(error), f"the error does not name the key: {error}")

    def _keys(self) -> set[str]:
        """The keys it asks for, of the sections that it owns, when these are there."""
        sections = [section for section in map(example, self._owned) if section]
        text = self.config
        for section in sections:
            text = with_line(text, section)
        with noting_keys() as asked:
            self._refusal(text)
        return {f"{section}.{key}" for section, key in asked if section in sections}

    def _refusal(self, text: str) -> ConfigError | None:
        plugins = self._bench.plugins()
        plugins.check()
        try:
            plugins.configure(self._bench.configured(plugins, text))
        except ConfigError as error:
            return error
        return None

    # Its code

    def test_importing_it_is_cheap_and_does_nothing(self) -> None:
        """gafferd imports each plugin to find out what it is, for `--help` too."""
        found = import_alone(self.plugin)
        for _ in range(_TRIES - 1):
            # A busy machine makes it slower, never faster.
            if found.seconds > self.import_seconds:
                found = min(found, import_alone(self.plugin), key=lambda each: each.seconds)
        expect(not found.said, f"it says something when it is imported: {found.said}")
        expect(found.threads == 1, "it starts a thread when it is imported")
        expect(
            found.seconds <= self.import_seconds,
            f"importing it takes {found.seconds:.2f} s of processor time, and the modules"
            f" {', '.join(found.modules)}: import what is heavy when the plugin opens",
        )

    @property
    def _bench(self) -> Bench:
        # From the class: a function or module that is a class attribute stays what it is.
        of = type(self)
        return Bench(of.plugin, of.beside, of.config, of.arguments, of.stop_deadline)

    @property
    def _owned(self) -> tuple[str, ...]:
        return owned(self._bench.plugins(), name_of(self.plugin))


def _written(owner: str) -> str:
    """How something owned stands in a text for people: a section in brackets, a key as it is."""
    section, dot, key = owner.partition(".")
    return key if dot else f"[{section}"
