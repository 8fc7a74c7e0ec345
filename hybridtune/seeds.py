"""Seeds for everything random, derived from the experiment's one seed and from what they are for.

The same parts give the same seed in every process and on every machine, whatever ran before, so a
row's draw depends neither on the other rows nor on the order in which they finish.
"""

import hashlib
import json


def derive(seed: int, *parts: object) -> int:
    """A seed of 31 bits for the purpose that `parts` name, such as `("generation", row, step)`.

    Parts are told apart by their text: give strings and numbers, not objects that print an address.
    """
    text = json.dumps([str(seed), *map(str, parts)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
