"""The filter before the request cache: a number that was met is never said to be a stranger."""

import math
import random

from hybridtune.sieve import Sieve


def test_what_was_met_is_never_a_stranger() -> None:
    drawn = random.Random(1)
    met = [drawn.randrange(-(2**63), 2**63) for _ in range(3000)]  # as hash() gives them
    sieve = Sieve(10)
    for count, number in enumerate(met):
        sieve.add([number])
        assert all(sieve.perhaps([each]) for each in met[: count + 1 : 97])
    assert all(sieve.perhaps([number]) for number in met)
    assert sieve.perhaps([met[0] + 1, met[0]])


def test_strangers_pass_as_often_as_the_filter_is_full() -> None:
    drawn = random.Random(2)
    sieve = Sieve(12)
    strangers = [drawn.getrandbits(64) for _ in range(4000)]
    assert not any(sieve.perhaps([number]) for number in strangers)
    assert not sieve.perhaps([])
    sieve.add(drawn.getrandbits(64) for _ in range(1000))
    share = sum(sieve.perhaps([number]) for number in strangers) / len(strangers)
    assert abs(share - (1 - math.exp(-1000 / 2**12))) < 0.03
