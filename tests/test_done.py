from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gspy_cli.done import Done

KEYS = st.tuples(st.sampled_from("abc\ud800\0"), st.sampled_from(["", "1.0"]))


def noted(rows: list[tuple[tuple[str, ...], bool]]) -> Done:
    done = Done()
    for key, failed in rows:
        done.add(key, failed=failed)
    return done


@given(st.lists(st.tuples(KEYS, st.booleans())), st.lists(KEYS))
def test_each_row_counts_as_often_as_it_is_there(rows, asked):
    done, left = noted(rows), Counter(key for key, _ in rows)
    assert len(done) == len(rows)
    for key in asked:
        assert (done.take(key) is not None) == (left[key] > 0)
        left[key] -= 1


@given(st.lists(st.tuples(KEYS, st.booleans())), KEYS)
def test_a_key_has_failed_if_one_of_its_rows_has(rows, asked):
    assert bool(noted(rows).take(asked)) == ((asked, True) in rows)


def test_what_was_forgotten_is_not_done():
    done = noted([(("a",), True)])
    done.clear()
    assert (len(done), done.take(("a",))) == (0, None)


def test_keys_are_told_apart_by_their_parts():
    assert noted([(("a", "b"), False)]).take(("a, b",)) is None
    assert noted([(("a", ""), False)]).take(("", "a")) is None
