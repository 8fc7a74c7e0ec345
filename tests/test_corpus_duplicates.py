"""Copies, other captions of the same video and clips are found; what is only alike is not."""

import csv
import html
import pickle
import random
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.duplicates import Dropped, DuplicateIndex, choose
from corpus.pairing import FEW, Pair, star_pairs
from hybridtune.duplicates import fingerprints

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no transcripts at {DATA}")
words = st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=40)


def made_up(seed: object, count: int = 400) -> str:
    """Words of a vocabulary large enough that two texts share no sequence."""
    rng = random.Random(str(seed))
    return " ".join(f"w{rng.randrange(5000)}" for _ in range(count))


def mishear(text: str, rate: float, rng: random.Random) -> str:
    """The same speech captioned again: words lost, exchanged, put in; no case, no punctuation."""
    heard: list[str] = []
    for word in re.findall(r"[\w']+", text.lower()):
        wrong = rng.random() < rate
        kind = rng.randrange(3) if wrong else 0
        if not wrong or kind == 2:
            heard.append(word)
        if wrong and kind:
            heard.append(f"x{rng.randrange(5000)}")
    return " ".join(heard)


def clip(text: str) -> str:
    """The first half."""
    said = text.split()
    return " ".join(said[: len(said) // 2])


def pairs_of(
    folder: Path, texts: Iterable[str], threshold: float = 0.1, exact_up_to: int = 50_000
) -> list[Pair]:
    with DuplicateIndex(folder / "index", exact_up_to) as index:
        for number, text in enumerate(texts):
            index.add(number, text)
        return list(index.pairs(threshold))


def dropped_of(folder: Path, texts: Sequence[str], **more: float) -> dict[int, Dropped]:
    sizes = [len(text.split()) for text in texts]
    return choose(pairs_of(folder, texts, **more), sizes, 0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("It's what I, um, wanted: to go", ["its what i", "um wanted to go"], True),
        ("It\u2019s \u201cfine\u201d, you see now", "its fine you see now", True),
        ("one two three four five", "five four three two one", False),
        ("one two three four five", "one two three four six", False),
        ("Okay.", ["okay"], True),
        ("Okay.", "okay okay", False),
        ("", [], True),
        ("...", "", True),
    ],
)
def test_only_words_and_their_order_count(
    one: str | list[str], other: str | list[str], same: bool
) -> None:
    assert np.array_equal(fingerprints(one), fingerprints(other)) == same


def test_fingerprints_are_sorted_each_once_and_the_same_everywhere() -> None:
    hashes = fingerprints("to be or not to be or not to be or not")
    assert len(hashes) == 4
    assert (hashes[1:] > hashes[:-1]).all()
    assert np.array_equal(pickle.loads(pickle.dumps(hashes)), hashes)
    # Fixed, since indices of several processes are put together.
    assert int(fingerprints("one two three four five")[0]) == 3843170776160851817


@given(texts=st.lists(words, min_size=1, max_size=6))
@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_text_is_a_duplicate_of_itself(tmp_path: Path, texts: list[list[str]]) -> None:
    said = [" ".join(text) for text in texts]
    found = pairs_of(tmp_path, said + said, threshold=1)
    assert {(n, n + len(said)) for n in range(len(said))} <= {(p.first, p.second) for p in found}


@given(one=words, other=words)
@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_other_words_are_never_duplicates(tmp_path: Path, one: list[str], other: list[str]) -> None:
    texts = [" ".join(one), " ".join(word + "x" for word in other)]
    assert pairs_of(tmp_path, texts, threshold=1e-6) == []


@given(order=st.permutations(range(9)))
@settings(
    deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_order_of_adding_does_not_matter(tmp_path: Path, order: list[int]) -> None:
    rng = random.Random(1)
    texts = [mishear(made_up(n // 3, 60), 0.05, rng) for n in range(9)]
    sizes = [len(text.split()) for text in texts]
    with DuplicateIndex(tmp_path / "index") as index:
        for number in order:
            index.add(number, texts[number])
        found = choose(index.pairs(0.1), sizes, 0.1)
    assert found == dropped_of(tmp_path, texts)
    assert len(found) == 6


def test_containment_is_the_share_of_the_smaller_one(tmp_path: Path) -> None:
    whole = made_up(0, 204)
    part = " ".join([*whole.split()[:54], *made_up(1, 50).split()])
    (pair,) = pairs_of(tmp_path, [part, whole])
    assert (pair.first, pair.second) == (0, 1)
    assert pair.containment == pytest.approx(50 / 100)


@pytest.mark.parametrize(
    "probe",
    [
        pytest.param(lambda text, _: text, id="copy"),
        pytest.param(lambda text, rng: mishear(text, 0.15, rng), id="15 % word errors"),
        pytest.param(lambda text, _: clip(text), id="half"),
        pytest.param(lambda text, rng: mishear(clip(text), 0.15, rng), id="half with errors"),
    ],
)
def test_ten_copies_leave_one(tmp_path: Path, probe: Callable[[str, random.Random], str]) -> None:
    """A sequence that many sessions have must not be ignored: here all have all."""
    rng = random.Random(3)
    others = [made_up(f"other {n}") for n in range(3)]
    texts = [*others, made_up("video"), *(probe(made_up("video"), rng) for _ in range(9))]
    dropped = dropped_of(tmp_path, texts)
    assert len(dropped) == 9
    assert not dropped.keys() & {0, 1, 2}


def test_the_longest_of_many_copies_stays_wherever_it_stands(tmp_path: Path) -> None:
    copies = [made_up("video") for _ in range(12)]
    copies[9] += " and thank you all for watching"
    dropped = dropped_of(tmp_path, copies)
    assert dropped.keys() == set(range(12)) - {9}
    assert {drop.of for drop in dropped.values()} == {9}


@pytest.mark.parametrize(
    ("count", "phrase", "found"),
    [
        (40, "you may be able to gain some insight", 0),
        (40, "you may be able to gain some insight into what is going on in your life", 1),
        (200, "you may be able to gain some insight into what is going on in your life", 0),
    ],
)
def test_a_phrase_is_no_duplicate(tmp_path: Path, count: int, phrase: str, found: int) -> None:
    texts = [f"{phrase} {made_up(n, count)}" for n in range(2)]
    assert len(pairs_of(tmp_path, texts)) == found


def test_a_phrase_of_many_sessions_costs_few_comparisons() -> None:
    hashes = np.zeros(1000, np.uint64)
    pairs = star_pairs(hashes, np.arange(1000, dtype=np.uint64))
    assert len(pairs) == sum(1000 - few for few in range(1, FEW + 1))
    assert len(star_pairs(hashes[:0], hashes[:0])) == 0


def test_above_the_limit_a_sample_is_compared(tmp_path: Path) -> None:
    rng = random.Random(5)
    texts = [made_up(n, 1200) for n in range(30)]
    texts += [mishear(texts[n], 0.15, rng) for n in range(10)] + ["thank you", "Thank you!"]
    with DuplicateIndex(tmp_path / "index", exact_up_to=20) as index:
        for number, text in enumerate(texts):
            index.add(number, fingerprints(text))
            assert index.sampled == (number >= 20)
        on_disk = {path.name for path in (tmp_path / "index" / "grams").iterdir()}
        found = {(pair.first, pair.second) for pair in index.pairs(0.1)}
        assert all(int(name) % 8 == 0 for name in on_disk)
    assert found == {(n, n + 30) for n in range(10)} | {(40, 41)}


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    assert pairs_of(tmp_path, []) == []
    assert pairs_of(tmp_path, ["", "", "?"]) == []
    with pytest.raises(RuntimeError), DuplicateIndex(tmp_path / "index") as index:  # noqa: PT012
        index.add(0, made_up(0))
        assert len(list(index.pairs(0.1))) == 0
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_words_do_not_lie_on_disk(tmp_path: Path) -> None:
    with DuplicateIndex(tmp_path / "index") as index:
        index.add(0, "confidential words of somebody who spoke in confidence")
        list(index.pairs(0.1))
        for path in (tmp_path / "index").rglob("*"):
            assert path.is_dir() or b"confid" not in path.read_bytes()


@pytest.mark.parametrize(
    ("pairs", "sizes", "dropped"),
    [
        ([], [5], {}),
        ([Pair(0, 1, 0.5)], [5, 9], {0: Dropped(1, 0.5)}),
        ([Pair(0, 1, 0.5)], [9, 9], {1: Dropped(0, 0.5)}),
        ([Pair(0, 1, 0.09)], [9, 9], {}),
        # Two long sessions that share only a clip with a short one both stay.
        ([Pair(0, 1, 0.3), Pair(1, 2, 0.4)], [90, 9, 80], {1: Dropped(2, 0.4)}),
        # What is like a dropped one only, stays.
        ([Pair(0, 1, 0.3), Pair(1, 2, 0.4)], [90, 80, 70], {1: Dropped(0, 0.3)}),
        # The nearest of those that stay; of equally near ones the first.
        ([Pair(0, 2, 0.3), Pair(1, 2, 0.3)], [90, 90, 70], {2: Dropped(0, 0.3)}),
    ],
)
def test_the_longest_stays(
    pairs: list[Pair], sizes: list[int], dropped: dict[int, Dropped]
) -> None:
    assert choose(pairs, sizes, 0.1) == dropped
    assert choose(reversed(pairs), dict(enumerate(sizes)), 0.1) == dropped


@given(
    edges=st.dictionaries(
        st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda edge: edge[0] < edge[1]),
        st.floats(0.01, 1),
    ),
    sizes=st.lists(st.integers(1, 5), min_size=10, max_size=10),
)
def test_no_two_that_stay_are_duplicates_and_nothing_goes_without_one_that_stays(
    edges: dict[tuple[int, int], float], sizes: list[int]
) -> None:
    dropped = choose([Pair(*edge, share) for edge, share in edges.items()], sizes, 0.1)
    for edge, share in edges.items():
        assert share < 0.1 or dropped.keys() & set(edge)
    for number, drop in dropped.items():
        assert drop.of not in dropped
        assert sizes[drop.of] >= sizes[number]
        assert edges[min(number, drop.of), max(number, drop.of)] == drop.containment >= 0.1


def annomi() -> list[str]:
    with (DATA / "AnnoMI-simple.csv").open(encoding="utf-8", newline="") as file:
        groups = groupby(csv.DictReader(file), key=lambda row: row["transcript_id"])
        return [" ".join(row["utterance_text"] for row in rows) for _, rows in groups]


def answers() -> list[str]:
    csv.field_size_limit(1 << 24)
    with (DATA / "counselchat-data.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["answerText"] or "" for row in csv.DictReader(file)]
    plain = [html.unescape(re.sub("<[^>]+>", " ", text)) for text in texts]
    return [text for text in plain if 30 <= len(text.split()) <= 600]


@needs_data
@pytest.mark.parametrize(("texts", "alarms"), [(annomi, 0), (answers, 6)])
def test_real_probes_are_all_found(
    tmp_path: Path, texts: Callable[[], list[str]], alarms: int
) -> None:
    """Recall 1.0; of the six pairs among 1,436 answers three are copies, the others signatures."""
    real = texts()
    assert len(pairs_of(tmp_path, real)) <= alarms
    rng = random.Random(0)
    drawn = rng.sample(range(len(real)), 60)
    probes = [mishear(real[n], 0.15, rng) for n in drawn] + [clip(real[n]) for n in drawn]
    found = {(pair.first, pair.second) for pair in pairs_of(tmp_path, real + probes)}
    missed = [n for at, n in enumerate(drawn + drawn) if (n, len(real) + at) not in found]
    assert missed == []
