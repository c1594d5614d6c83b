"""The dialect is the one that was set, or the one that the model's files show."""

import pytest

from toolgate.dialects import get_dialect
from toolgate.errors import ConfigError, UnknownModel
from toolgate.integrations.choose_dialect import choose_dialect

KIMI = "<|im_user|><|im_assistant|><|im_system|><|im_middle|>{% if x %}<think>{% endif %}"


def choose(name=None, *, template=None, vocabulary=frozenset()):
    return choose_dialect(
        name, template=template, vocabulary=vocabulary, setting="TOOLGATE_DIALECT"
    ).name


def test_what_was_set_counts():
    assert choose("glm45", template=KIMI) == "glm45"


def test_a_name_that_is_none():
    with pytest.raises(UnknownModel, match="glm_45"):
        choose("glm_45")


def test_the_template_tells():
    vocabulary = get_dialect("kimi_k2").special | {"a", "b"}
    assert choose(template=KIMI, vocabulary=vocabulary) == "kimi_k2"


def test_the_vocabulary_tells_where_there_is_no_template():
    assert choose(vocabulary=get_dialect("minimax_m2").special | {"a"}) == "minimax_m2"


def test_nothing_fits():
    with pytest.raises(ConfigError, match=r"the model that runs here .* with TOOLGATE_DIALECT"):
        choose(template="{{ messages }}", vocabulary={"a"})
