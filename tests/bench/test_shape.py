"""A load is what was asked for: shapes, names by popularity, the knobs of the plan."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.shape import DRAWS, WINDOW_DEFAULT, Http, Load, Shape, draw_names

NAMES = [f"command_{number}" for number in range(100)]


@pytest.mark.parametrize(
    ("text", "shape"), [("8x10", (8, 10)), ("1×1", (1, 1)), (" 200x1 ", (200, 1)), ("2*3", (2, 3))]
)
def test_a_shape_is_connections_and_streams(text: str, shape: tuple[int, int]) -> None:
    assert Shape.parse(text) == Shape(*shape)
    assert Shape.parse(str(Shape(*shape))) == Shape(*shape)


@pytest.mark.parametrize("text", ["", "8", "x10", "8x", "0x1", "1x0", "8x10x2", "-1x1", "1e1x1", "999999x1"])
def test_another_text_is_no_shape(text: str) -> None:
    with pytest.raises(ValueError, match="connections × streams"):
        Shape.parse(text)


def test_without_zipf_and_misses_names_stay_as_they_are() -> None:
    assert draw_names(NAMES, zipf=0, miss=0, seed=1) == tuple(NAMES)


def test_popularity_falls_by_rank() -> None:
    drawn = [count for _, count in Counter(draw_names(NAMES, zipf=1.0, miss=0, seed=1)).most_common()]
    whole = sum(1 / rank for rank in range(1, 101))
    assert drawn[0] / DRAWS == pytest.approx(1 / whole, rel=0.05)
    assert drawn[9] / DRAWS == pytest.approx(1 / 10 / whole, rel=0.15)
    assert sum(drawn) == DRAWS


def test_the_most_popular_name_depends_on_the_seed_and_on_nothing_else() -> None:
    first, again = (draw_names(NAMES, zipf=1.0, miss=0.1, seed=7) for _ in range(2))
    assert first == again
    assert first != draw_names(NAMES, zipf=1.0, miss=0.1, seed=8)
    tops = {Counter(draw_names(NAMES, zipf=2.0, miss=0, seed=seed)).most_common(1)[0][0] for seed in range(20)}
    assert len(tops) > 5


@pytest.mark.parametrize("miss", [0.01, 0.5, 1.0])
def test_misses_have_their_share_and_all_others_are_held(miss: float) -> None:
    drawn = draw_names(NAMES, zipf=0, miss=miss, seed=1)
    unknown = [name for name in drawn if name not in set(NAMES)]
    assert len(unknown) == round(miss * DRAWS)


@pytest.mark.parametrize(("zipf", "miss"), [(-1, 0), (11, 0), (0, -0.1), (0, 1.1)])
def test_what_makes_no_sense_is_refused(zipf: float, miss: float) -> None:
    with pytest.raises(ValueError, match="share of misses"):
        draw_names(NAMES, zipf=zipf, miss=miss, seed=1)


def test_only_what_differs_from_the_default_is_in_the_plan() -> None:
    plain = Load(Shape(8, 10), 1.0)
    assert plain.knobs() == {
        "seed": 0, "timeout_s": 10.0, "stream_window": WINDOW_DEFAULT, "connection_window": WINDOW_DEFAULT
    }  # fmt: skip
    knobs = Load(
        Shape(8, 1), 1.0, rate=100.0, arrivals="poisson", method="Execute", threads=4,
        http=Http("/x", "{}", (("a", "b"),), 200, None),
    ).knobs()  # fmt: skip
    assert knobs["threads"] == 4
    assert knobs["arrivals"] == "poisson"
    assert knobs["method"] == "Execute"
    assert knobs["http"]["path"] == "/x"


def test_a_thread_without_a_connection_does_not_count() -> None:
    assert Load(Shape(2, 10), 1.0, threads=8).working_threads == 2
    assert Load(Shape(8, 10), 1.0, threads=3).working_threads == 3
