from hypothesis import given
from hypothesis import strategies as st

from hybridtune.config.training import TrainingSettings
from training.cuts import teaching
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


@given(
    lengths=st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=40),
    system=st.integers(0, 20),
    max_length=st.integers(128, 200),
    context_tokens=st.integers(0, 100),
    most=st.one_of(st.none(), st.just(1)),
)
def test_untrained_exchanges_are_context_and_every_other_one_is_trained_once(
    lengths, system, max_length, context_tokens, most
):
    settings = TrainingSettings(max_length=max_length, context_tokens=context_tokens)
    untrained = {place for place, (_, trained) in enumerate(lengths) if not trained}

    def measure(first, last):
        return system + sum(length for length, _ in lengths[first : last + 1])

    windows, too_long = plan_windows(
        len(lengths), measure, max_length=max_length, context_tokens=context_tokens, most=most
    )
    kept = teaching(windows, untrained, measure, settings)
    trained = [place for window in kept for place in range(window.trained, window.last + 1)]
    taught = [place for place in trained if place not in untrained]
    assert taught == [n for n in range(len(lengths)) if n not in {*untrained, *too_long}]
    for window in kept:
        assert 0 <= window.first <= window.trained <= window.last
        assert not {window.trained, window.last} & untrained
        assert measure(window.first, window.last) <= max_length
        context = sum(length for length, _ in lengths[window.first : window.trained])
        assert context <= min(context_tokens, max_length // 2)
        assert most is None or window.trained == window.last


def test_a_window_that_trains_nothing_is_context_of_the_next():
    def measure(first, last):
        return 40 * (last - first + 1)

    settings = TrainingSettings(max_length=128, context_tokens=64)
    windows, _ = plan_windows(6, measure, max_length=128, context_tokens=64, most=None)
    assert windows == [Window(0, 0, 2), Window(2, 3, 4), Window(4, 5, 5)]
    assert teaching(windows, {0, 2, 3, 4}, measure, settings) == [Window(0, 1, 1), Window(4, 5, 5)]
