"""The mutex word of a descriptor, against a model that counts in plain numbers."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from netpoll._poll.fd_mutex import MutexWord

READ, WRITE = 1, 2
LOCKED, MUST_WAIT, REFUSED = 0, 1, 2
NOTHING, DESTROY, HAND_OVER = 0, 1, 2
MOST = 1_048_575

modes = st.sampled_from([READ, WRITE])


class WordAgainstModel(RuleBasedStateMachine):
    """Users come, wait in line, leave and close; the word says what the model says."""

    def __init__(self) -> None:
        super().__init__()
        self.word = MutexWord()
        self.closed = False
        self.locked = {READ: False, WRITE: False}
        self.orphaned = {READ: False, WRITE: False}  # locks whose reference close has dropped
        self.references = 0
        self.plain = 0  # of the references, those that came without a lock
        self.waiters = {READ: 0, WRITE: 0}
        self.evicted = {READ: 0, WRITE: 0}  # were in line when it was closed
        self.destroyed = 0

    @initialize(
        references=st.sampled_from([0, MOST - 2]),
        readers=st.sampled_from([0, MOST - 1]),
        writers=st.sampled_from([0, MOST - 1]),
    )
    def begin(self, references: int, readers: int, writers: int) -> None:
        self.word.preset(references, readers, writers)
        self.references = self.plain = references
        self.waiters = {READ: readers, WRITE: writers}
        for mode, waiting in self.waiters.items():
            if waiting:  # they wait for somebody
                assert self.word.lock(mode) == LOCKED
                self.locked[mode] = True
                self.references += 1

    def left(self) -> int:
        """Take one reference away in the model; return what the word is to say."""
        self.references -= 1
        if self.closed and self.references == 0:
            self.destroyed += 1
            return DESTROY
        return NOTHING

    @rule()
    def incref(self) -> None:
        if self.closed:
            assert self.word.incref() == REFUSED
        elif self.references == MOST:
            with pytest.raises(OverflowError, match="too many concurrent operations"):
                self.word.incref()
        else:
            assert self.word.incref() == LOCKED
            self.references += 1
            self.plain += 1

    @precondition(lambda self: self.plain)
    @rule()
    def decref(self) -> None:
        self.plain -= 1
        expected = self.left()
        assert self.word.decref() == expected

    @rule(mode=modes)
    def lock(self, mode: int) -> None:
        if self.closed:
            assert self.word.lock(mode) == REFUSED
        elif self.locked[mode]:
            if self.waiters[mode] == MOST:
                with pytest.raises(OverflowError, match="too many concurrent operations"):
                    self.word.lock(mode)
            else:
                assert self.word.lock(mode) == MUST_WAIT
                self.waiters[mode] += 1
        elif self.references == MOST:
            with pytest.raises(OverflowError, match="too many concurrent operations"):
                self.word.lock(mode)
        else:
            assert self.word.lock(mode) == LOCKED
            self.locked[mode] = True
            self.references += 1

    @precondition(lambda self: any(self.held(mode) for mode in (READ, WRITE)))
    @rule(mode=modes)
    def unlock(self, mode: int) -> None:
        if not self.held(mode):
            return
        if self.waiters[mode]:
            assert self.word.unlock(mode) == HAND_OVER
            self.waiters[mode] -= 1
        else:
            self.locked[mode] = False
            expected = self.left()
            assert self.word.unlock(mode) == expected

    @rule(mode=modes)
    def lock_at_once(self, mode: int) -> None:
        """It is locked only if `lock` would have done it, and surely while users are few."""
        free = not (self.closed or self.locked[mode] or self.references == MOST)
        if self.word.try_lock(mode):
            assert free
            self.locked[mode] = True
            self.references += 1
        else:
            assert not free or self.references > MOST // 2

    @precondition(lambda self: any(self.held(mode) for mode in (READ, WRITE)))
    @rule(mode=modes)
    def unlock_at_once(self, mode: int) -> None:
        if not self.held(mode):
            return
        if self.word.try_unlock(mode):
            assert not self.closed
            assert not self.waiters[mode]
            self.locked[mode] = False
            self.references -= 1
        else:
            assert self.closed or self.waiters[mode]

    @rule(mode=modes)
    def withdraw(self, mode: int) -> None:
        if self.waiters[mode]:
            self.word.withdraw(mode)
            self.waiters[mode] -= 1
        elif self.evicted[mode]:
            self.word.withdraw(mode)
            self.evicted[mode] -= 1

    @rule()
    def close(self) -> None:
        if self.closed:
            assert self.word.incref_and_close() is False
        elif self.references == MOST:
            with pytest.raises(OverflowError, match="too many concurrent operations"):
                self.word.incref_and_close()
        else:
            assert self.word.incref_and_close() is True
            self.closed = True
            self.references += 1
            self.plain += 1
            self.evicted, self.waiters = self.waiters, {READ: 0, WRITE: 0}

    @precondition(lambda self: self.closed)
    @rule(mode=modes)
    def close_drops_the_reference_of_a_parked_holder(self, mode: int) -> None:
        if self.held(mode):
            self.orphaned[mode] = True
            expected = self.left()
            assert self.word.decref() == expected

    @rule(mode=modes)
    def that_holder_leaves(self, mode: int) -> None:
        if self.orphaned[mode]:
            self.word.release_lock_only(mode)
            self.locked[mode] = self.orphaned[mode] = False

    def held(self, mode: int) -> bool:
        return self.locked[mode] and not self.orphaned[mode]

    @invariant()
    def word_says_what_the_model_says(self) -> None:
        assert self.word.fields == (
            self.closed,
            self.locked[READ],
            self.locked[WRITE],
            self.references,
            self.waiters[READ],
            self.waiters[WRITE],
        )

    @invariant()
    def descriptor_is_destroyed_at_most_once_and_only_when_nobody_is_left(self) -> None:
        assert self.destroyed <= 1
        assert bool(self.destroyed) == (self.closed and self.references == 0)


TestWordAgainstModel = WordAgainstModel.TestCase
TestWordAgainstModel.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("mode", [READ, WRITE])
def test_lock_and_unlock_leave_no_reference(mode: int) -> None:
    word = MutexWord()
    assert word.lock(mode) == LOCKED
    assert word.unlock(mode) == NOTHING
    assert word.fields == (False, False, False, 0, 0, 0)


def test_both_locks_can_be_held_at_once() -> None:
    word = MutexWord()
    assert (word.lock(READ), word.lock(WRITE)) == (LOCKED, LOCKED)
    assert word.fields == (False, True, True, 2, 0, 0)


def test_last_to_leave_destroys_not_who_closes() -> None:
    word = MutexWord()
    word.lock(READ)
    word.incref()
    assert word.incref_and_close()
    assert word.decref() == NOTHING  # the closer's
    assert word.decref() == NOTHING
    assert word.unlock(READ) == DESTROY


def test_closing_empties_the_lines() -> None:
    word = MutexWord()
    for mode in (READ, WRITE):
        word.lock(mode)
        assert [word.lock(mode) for _ in range(4)] == [MUST_WAIT] * 4
    word.incref_and_close()
    assert word.fields == (True, True, True, 3, 0, 0)
    for mode in (READ, WRITE):
        word.withdraw(mode)  # who was in line leaves, and counts nothing twice
    assert word.fields == (True, True, True, 3, 0, 0)
    assert [word.unlock(READ), word.unlock(WRITE), word.decref()] == [NOTHING, NOTHING, DESTROY]


def test_1048575_references_are_the_most() -> None:
    word = MutexWord()
    word.preset(MOST - 1)
    assert word.incref() == LOCKED
    for enter in (word.incref, word.incref_and_close, lambda: word.lock(READ)):
        with pytest.raises(OverflowError, match=r"at most 1048575"):
            enter()
    assert word.fields == (False, False, False, MOST, 0, 0)


@pytest.mark.parametrize("mode", [READ, WRITE])
def test_1048575_waiters_are_the_most(mode: int) -> None:
    word = MutexWord()
    word.lock(mode)
    word.preset(1, *((MOST - 1, 0) if mode == READ else (0, MOST - 1)))
    assert word.lock(mode) == MUST_WAIT
    before = word.fields
    with pytest.raises(OverflowError, match=r"at most 1048575"):
        word.lock(mode)
    assert word.fields == before
    assert word.fields[3 + mode] == MOST
