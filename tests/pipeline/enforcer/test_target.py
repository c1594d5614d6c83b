"""The targets differ in what they hold."""

from toolgate.pipeline.enforcer.formats import FORMATS
from toolgate.pipeline.enforcer.target import GBNF, LLGUIDANCE, XGRAMMAR


def test_a_target_that_writes_formats_as_patterns_has_a_pattern_for_each():
    assert GBNF.formats_as_patterns and GBNF.formats <= FORMATS.keys()


def test_xgrammar_counts_less_than_the_others():
    assert XGRAMMAR.most_counted is not None
    assert XGRAMMAR.longest < min(GBNF.longest, LLGUIDANCE.longest)
