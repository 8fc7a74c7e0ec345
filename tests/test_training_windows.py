from hypothesis import given
from hypothesis import strategies as st

from training.windows import Window, plan_windows


@given(
    lengths=st.lists(st.integers(1, 60), max_size=40),
    system=st.integers(0, 20),
    max_length=st.integers(30, 120),
    context_tokens=st.integers(0, 100),
    most=st.one_of(st.none(), st.just(1)),
)
def test_every_exchange_is_trained_once_or_named_as_too_long(
    lengths, system, max_length, context_tokens, most
):
    def measure(first, last):
        return system + sum(lengths[first : last + 1])

    windows, too_long = plan_windows(
        len(lengths), measure, max_length=max_length, context_tokens=context_tokens, most=most
    )
    trained = [place for window in windows for place in range(window.trained, window.last + 1)]
    assert sorted(trained + too_long) == list(range(len(lengths)))
    assert all(system + lengths[place] > max_length for place in too_long)
    for window in windows:
        assert 0 <= window.first <= window.trained <= window.last
        assert measure(window.first, window.last) <= max_length
        assert sum(lengths[window.first : window.trained]) <= min(context_tokens, max_length // 2)
        assert most is None or window.trained == window.last


def test_windows_are_filled_and_carry_as_much_context_as_allowed():
    windows, too_long = plan_windows(
        6, lambda first, last: 10 * (last - first + 1), max_length=40, context_tokens=15, most=None
    )
    assert windows == [Window(0, 0, 3), Window(3, 4, 5)]
    assert too_long == []


def test_a_session_that_fits_is_one_window():
    windows, _ = plan_windows(
        5, lambda first, last: last - first, max_length=128, context_tokens=64, most=None
    )
    assert windows == [Window(0, 0, 4)]
