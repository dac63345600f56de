"""The conformance suite: tests that every plugin must pass.

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
from gaffer_testing.config_probe import (
    documentation,
    example,
    find_job_options,
    owned,
    record_keys,
    with_line,
)
from gaffer_testing.faulty_plugin import FaultyPlugin, get_added_hooks
from gaffer_testing.harness import Harness
from gaffer_testing.import_probe import import_alone
from gaffer_testing.leaks import count, surplus
from gaffer_testing.setup import get_name

_WARM_UP = 3
"""Rounds after which everything that is created once and kept exists."""

_TRIES = 3

_UNKNOWN = "no_such_key"


class Conformance:
    """The base class of a `Test...` class whose attributes describe the plugin.

    Each test runs a kernel on the real clock, with fake processes and an empty HOME; the tests need
    no mode of pytest-trio.

    Attributes:
        plugin: a module, an object, a class that is instantiated for each kernel, or the Path of a
            folder plugin.
        required_plugins: other plugins that it requires.
        config: the text of a configuration that it accepts.
        arguments: arguments of gafferd for its options.
        free_sections: sections that accept any key.
        rounds: number of times that the leak test opens and closes it.
        stop_deadline: seconds that it may take to close.
        import_seconds: processor time that its import may take after that of the kernel.
    """

    plugin: ClassVar[Any]
    required_plugins: ClassVar[Sequence[Any]] = ()
    config: ClassVar[str] = ""
    arguments: ClassVar[Sequence[str]] = ()
    free_sections: ClassVar[Sequence[str]] = ()
    rounds: ClassVar[int] = 20
    stop_deadline: ClassVar[float] = 5.0
    import_seconds: ClassVar[float] = 0.3

    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Set an empty HOME, so that no file of the user is read or written."""
        monkeypatch.setenv("HOME", str(tmp_path))

    # Lifecycle

    def test_it_opens_and_closes(self) -> None:
        """It opens with the kernel, closes and opens while the kernel runs, and closes with it."""

        async def check() -> None:
            async with self._harness.running() as run:
                expect(run.info.state == "open", f"it is {run.info.state}: {run.info.error}")
                await run.close()
                expect(run.info.state == "closed", f"it is {run.info.state}: {run.info.error}")
                await run.open()
            expect(
                run.info.state == "closed", f"it is {run.info.state} after the kernel has closed"
            )
            expect(run.info.error is None, f"{run.info.error}")

        run_check(check)

    def test_its_hooks_do_not_raise_while_a_job_runs(self) -> None:
        """A job is loaded, writes, crashes and is unloaded, without an error of the plugin."""

        async def check() -> None:
            async with self._harness.running() as run:
                await run.run_job()
                expect(run.info.failures == 0, f"{run.info.failures} hooks raised: see the log")
                expect(run.info.state == "open", f"it is {run.info.state}: {run.info.error}")

        run_check(check)

    def test_it_survives_a_plugin_whose_hooks_raise(self) -> None:
        """Another plugin raises in all its hooks, including those that this plugin adds."""

        async def check() -> None:
            faulty = FaultyPlugin(get_added_hooks(self._harness.plugins()))
            async with self._harness.running(faulty) as run:
                faulty.armed = True
                await run.run_job()
                # A plugin may call hooks when another one opens.
                await run.kernel.plugins.reload(faulty.name)
                await run.run_job()
                expect(bool(faulty.raised), "no hook of the faulty plugin was called")
                expect(run.info.state == "open", f"it is {run.info.state}: {run.info.error}")

        run_check(check)

    def test_it_leaks_nothing(self) -> None:
        """After many rounds of opening and closing, no task, descriptor or subscription is left."""

        async def check() -> None:
            async with self._harness.running() as run:
                await run.close()
                for number in range(self.rounds):
                    if number == min(_WARM_UP, self.rounds - 1):
                        before = count(run.kernel)
                    await run.open()
                    await run.run_job()
                    await run.close()
                left = await surplus(run.kernel, before)
                expect(not left, f"it leaks when it is opened and closed: {left}")

        run_check(check)

    def test_it_stops_in_time(self) -> None:
        """It closes within `stop_deadline`, alone and with the kernel."""

        async def check() -> None:
            async with self._harness.running() as run:
                await run.run_job()
                await run.close()
                expect(run.info.error is None, f"{run.info.error}")
                await run.open()
                await run.run_job()
            expect(run.info.error is None, f"{run.info.error}")
            expect(
                run.info.state == "closed", f"it is {run.info.state} after the kernel has closed"
            )

        run_check(check)

    # Configuration

    def test_it_documents_what_it_owns(self) -> None:
        """Its README, docs or docstring names each section, key and job option."""
        text = documentation(self.plugin)
        options = find_job_options(self._harness.plugins(), get_name(self.plugin))
        names = [*self._owned, *self._keys(), *(f"process.{each.key}" for each in options)]
        missing = [each for each in names if _written(each) not in text]
        expect(not missing, f"not documented: {', '.join(missing)}")
        for each in options:
            expect(bool(each.description), f"{each.key}: add Meta(description=...)")
            expect(each.has_text_form, f"{each.key}: a file cannot express its type: use another")

    def test_it_refuses_unknown_keys(self) -> None:
        """An unknown key in one of its sections is an error that names the key."""
        for section in filter(None, map(example, self._owned)):
            if section not in self.free_sections:
                text = with_line(self.config, section, f"{_UNKNOWN} = 1")
                error = self._configure(text)
                expect(error is not None, f"[{section}] accepts {_UNKNOWN} = 1")
                expect(_UNKNOWN in str(error), f"the error does not name the key: {error}")

    def _keys(self) -> set[str]:
        """Return the keys that it reads from its sections."""
        sections = [section for section in map(example, self._owned) if section]
        text = self.config
        for section in sections:
            text = with_line(text, section)
        with record_keys() as read:
            self._configure(text)
        return {f"{section}.{key}" for section, key in read if section in sections}

    def _configure(self, text: str) -> ConfigError | None:
        plugins = self._harness.plugins()
        plugins.check()
        try:
            plugins.configure(self._harness.configured(plugins, text))
        except ConfigError as error:
            return error
        return None

    # Code

    def test_importing_it_is_cheap_and_does_nothing(self) -> None:
        """gafferd imports each plugin to find its hooks, even for `--help`."""
        found = import_alone(self.plugin)
        for _ in range(_TRIES - 1):
            # A busy machine makes an import slower, never faster.
            if found.seconds > self.import_seconds:
                found = min(found, import_alone(self.plugin), key=lambda each: each.seconds)
        expect(not found.output, f"it writes output when it is imported: {found.output}")
        expect(found.threads == 1, "it starts a thread when it is imported")
        expect(
            found.seconds <= self.import_seconds,
            f"importing it takes {found.seconds:.2f} s of processor time, and the modules"
            f" {', '.join(found.modules)}: import heavy modules when the plugin opens",
        )

    @property
    def _harness(self) -> Harness:
        # Read from the class, because a function read from the instance would become a method.
        suite = type(self)
        return Harness(
            suite.plugin,
            suite.required_plugins,
            suite.config,
            suite.arguments,
            suite.stop_deadline,
        )

    @property
    def _owned(self) -> tuple[str, ...]:
        return owned(self._harness.plugins(), get_name(self.plugin))


def _written(owner: str) -> str:
    """Return an owned name as documentation shows it: a section in brackets, a key as it is."""
    section, dot, key = owner.partition(".")
    return key if dot else f"[{section}"
