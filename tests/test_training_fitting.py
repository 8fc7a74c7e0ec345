"""Rows packed as TRL packs them, and cuts of long sessions that fill them better."""

from datasets import Dataset, disable_progress_bars
from hypothesis import given, settings
from hypothesis import strategies as st
from trl import pack_dataset

from training.fitting import choose_cuts, packed

LENGTHS = st.lists(st.integers(1, 64), min_size=1, max_size=60)


@settings(max_examples=25, deadline=None)
@given(LENGTHS)
def test_rows_are_counted_as_trl_packs_them(lengths):
    disable_progress_bars()
    rows = Dataset.from_dict({"input_ids": [[0] * length for length in lengths]})
    theirs = [len(row) for row in pack_dataset(rows, 64, "bfd")["input_ids"]]
    assert sorted(packed(lengths, 64)) == sorted(theirs)


@given(st.lists(st.lists(LENGTHS, min_size=1, max_size=3), max_size=12))
def test_chosen_cuts_never_need_more_rows(options):
    chosen = choose_cuts(options, 64)
    assert all(0 <= n < len(cuts) for n, cuts in zip(chosen, options, strict=True))
    first = [length for cuts in options for length in cuts[0]]
    taken = [length for cuts, n in zip(options, chosen, strict=True) for length in cuts[n]]
    assert len(packed(taken, 64)) <= len(packed(first, 64))


def test_a_long_session_is_cut_where_its_rest_fits():
    # 90 + 30 leaves 30 over beside 80 and 75; 95 + 25 fills the row with 75.
    assert choose_cuts([[[90, 30], [95, 25]], [[80]], [[75]]], 100) == [1, 0, 0]
    assert packed([95, 25, 80, 75], 100) == [95, 80, 100]


def test_full_rows_are_left_alone():
    assert choose_cuts([[[100], [60, 40]], [[100]]], 100) == [0, 0]
    assert choose_cuts([], 100) == []
