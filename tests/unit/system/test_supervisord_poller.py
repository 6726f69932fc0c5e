"""supervisord's poller: it waits when there is nothing to do, and wakes up for what there is."""

import os
import signal
from types import SimpleNamespace

import pytest

from holdfast.system.supervisord import WakingPoller


@pytest.fixture
def poller():
    found = WakingPoller(SimpleNamespace(logger=SimpleNamespace(blather=lambda _line: None)))
    yield found
    signal.set_wakeup_fd(-1)


NEVER_S = 600
"""A wait of this length only ends in time if something ends it."""


def test_a_watched_number_that_becomes_a_broken_input_is_forgotten(poller):
    output, program = os.pipe()
    poller.register_readable(output)
    os.close(output)
    os.close(program)
    reader, writer = os.pipe()
    if writer != output:
        os.dup2(writer, output)
        os.close(writer)
    if reader != output:
        os.close(reader)
    try:
        poller.poll(0.1)
        assert poller.poll(0.1) == ([], [])
        assert output not in poller.readables
    finally:
        os.close(output)


def test_the_end_of_a_program_s_output_is_seen(poller):
    output, program = os.pipe()
    poller.register_readable(output)
    os.close(program)
    try:
        assert poller.poll(NEVER_S) == ([output], [])
    finally:
        os.close(output)


def test_a_signal_ends_the_wait_and_wakes_once(poller):
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        os.kill(os.getpid(), signal.SIGUSR2)
        assert poller.poll(NEVER_S) == ([], [])
        assert poller.poll(0.1) == ([], [])
    finally:
        signal.signal(signal.SIGUSR2, before)
