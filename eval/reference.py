"""How like a reply is to what the counselor really said: pure functions over texts.

Overlap with one reference says little of quality: there are many good replies. It shows whether a
model has come nearer to the counselors that it was trained on.
"""

from collections import Counter
from collections.abc import Sequence

from hybridtune.overlap import words

ORDERS = 6
BETA = 2.0


def chrf(reply: str, reference: str) -> float:
    """chrF2: F score (beta 2) of character n-grams up to 6, without white space (Popovic 2015).

    Precision and recall are averaged over the orders that both texts have, as sacreBLEU does for
    a sentence. Between 0 and 1.
    """
    one, other = "".join(reply.split()), "".join(reference.split())
    precision = recall = 0.0
    orders = 0
    for size in range(1, ORDERS + 1):
        mine, its = (
            Counter(text[at : at + size] for at in range(len(text) - size + 1))
            for text in (one, other)
        )
        if mine and its:
            shared = (mine & its).total()
            precision += shared / mine.total()
            recall += shared / its.total()
            orders += 1
    if not precision:
        return 0.0
    precision, recall = precision / orders, recall / orders
    return (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)


def rouge_l(reply: str, reference: str) -> float:
    """ROUGE-L: F1 of the longest common subsequence of words (Lin 2004). Between 0 and 1."""
    one, other = words(reply), words(reference)
    length = common(one, other)
    return 2 * length / (len(one) + len(other)) if length else 0.0


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, its in enumerate(other, start=1):
            above = row[place]
            row[place] = before + 1 if word == its else max(above, row[place - 1])
            before = above
    return row[-1]


def distinct(replies: Sequence[str], size: int) -> float:
    """Different runs of `size` words among all of them (Li et al. 2016); `nan` without any."""
    runs = Counter(
        said[at : at + size]
        for said in (words(reply) for reply in replies)
        for at in range(len(said) - size + 1)
    )
    return len(runs) / runs.total() if runs else float("nan")


def length_ratio(reply: str, reference: str) -> float:
    """Words of the reply over words of the reference; `nan` where that has none."""
    count = len(words(reference))
    return len(words(reply)) / count if count else float("nan")


METRICS = {"chrf": chrf, "rouge_l": rouge_l, "length_ratio": length_ratio}
"""What replay measures turn by turn."""
