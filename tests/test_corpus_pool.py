"""Work in several processes: order, errors, and a worker that dies."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from corpus.pool import FEW, map_in_order
from hybridtune.errors import StageError

MANY = 3 * FEW


def double(number: int) -> int:
    return 2 * number


def process(number: int) -> int:
    return os.getpid() + 0 * number


def wait(number: int) -> int:
    time.sleep(0.05)
    return os.getpid() + 0 * number


def refuse(number: int) -> int:
    if number == FEW + 5:
        raise ValueError(f"not {number}")
    return number


def die(number: int) -> int:
    if number == FEW + 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_answers_come_in_order_from_other_processes() -> None:
    assert list(map_in_order(double, range(MANY), 2)) == [2 * n for n in range(MANY)]
    workers = set(map_in_order(process, range(MANY), 2))
    assert os.getpid() not in workers
    assert set(map_in_order(process, range(FEW - 1), 2)) == {os.getpid()}


def test_items_are_taken_as_answers_are() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100 * FEW):
            taken.append(number)
            yield number

    answers = map_in_order(double, items(), 2)
    assert next(answers) == 0
    assert len(taken) <= 2 * FEW
    answers.close()  # type: ignore[attr-defined]


def test_an_error_of_the_work_rises() -> None:
    with pytest.raises(ValueError, match=f"not {FEW + 5}"):
        list(map_in_order(refuse, range(MANY), 2))


def test_a_killed_worker_is_told_in_one_line() -> None:
    with pytest.raises(StageError, match="worker process was ended") as caught:
        list(map_in_order(die, range(MANY), 2))
    assert "\n" not in str(caught.value)
