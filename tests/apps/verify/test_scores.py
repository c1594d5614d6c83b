import pytest

from toolgate.apps.verify.scores import Share, Trigger, compare, percentile


def test_wilsons_interval():
    # Brown, Cai, DasGupta (2001); 8 of 10 by R's prop.test(8, 10, correct = FALSE)
    assert Share(8, 10).interval == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    low, high = Share(10, 10).interval or (0, 0)
    assert high == pytest.approx(1) and low == pytest.approx(0.7224672, abs=1e-6)


def test_a_share_of_nothing():
    assert Share(0, 0).value is None and Share(0, 0).interval is None


def test_f1_is_that_of_the_published_run():
    # vLLM's blog: precision 81.96 %, recall 85.24 %, F1 83.57 %
    trigger = Trigger(both=1086, only_here=239, only_there=188, neither=2484)
    assert trigger.precision.value == pytest.approx(0.8196, abs=1e-4)
    assert trigger.recall.value == pytest.approx(0.8524, abs=1e-4)
    assert trigger.f1 == pytest.approx(0.8357, abs=1e-4)
    low, high = trigger.interval or (0, 0)
    assert 0.81 < low < 0.8357 < high < 0.86


def test_without_any_call_there_is_no_f1():
    trigger = compare([(False, False)] * 3)
    assert trigger == Trigger(0, 0, 0, 3)
    assert trigger.f1 is None and trigger.interval is None


def test_pairs_fall_into_four_cells():
    pairs = [(True, True), (True, False), (True, False), (False, True), (False, False)]
    assert compare(pairs) == Trigger(both=1, only_here=2, only_there=1, neither=1)


def test_a_few_answers_draw_a_wide_interval_that_is_always_the_same():
    trigger = Trigger(1, 1, 1, 1)
    assert trigger.interval == trigger.interval
    assert trigger.interval is not None and trigger.interval[1] - trigger.interval[0] > 0.5


def test_percentiles():
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([1.0], 0.9) == 1.0


@pytest.mark.parametrize(
    ("calls", "valid", "published"),
    [
        (1325, 1007, "76.00"),
        (1269, 928, "73.13"),
        (644, 544, "84.47"),
        (2128, 1856, "87.22"),
        (1778, 1715, "96.46"),
    ],
)
def test_schema_accuracy_is_that_of_the_published_tables(calls: int, valid: int, published: str):
    """K2-Vendor-Verifier's of 2025-11-15: vLLM, SGLang and Nebius; vLLM and NovitaAI, thinking."""
    value = Share(valid, calls).value
    assert value is not None and f"{100 * value:.2f}" == published
