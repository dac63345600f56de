"""The table of states and events of a child."""

import pytest

from gaffer_kernel.linux.child import ChildEvent, ChildState, LinuxChild


@pytest.mark.parametrize("event", ChildEvent, ids=lambda event: event.name)
def test_every_event_has_an_action_in_every_state(event):
    assert len(LinuxChild._ACTIONS[event]) == len(ChildState)


def test_a_child_that_is_gone_takes_no_signal_and_is_not_reaped_again():
    actions = {event: LinuxChild._ACTIONS[event][ChildState.GONE] for event in ChildEvent}
    assert {action.__name__ for action in actions.values()} == {"_ignore", "_scan"}
