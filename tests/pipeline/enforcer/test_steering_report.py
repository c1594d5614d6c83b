"""What steering costs begins with nothing."""

from toolgate.pipeline.enforcer.steering_report import SteeringReport


def test_an_answer_that_was_not_steered_cost_nothing():
    report = SteeringReport()
    assert (report.steers, report.requests, report.thrown_away) == (0, 0, 0)
    assert report.prevented == []
