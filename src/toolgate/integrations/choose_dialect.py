"""Which dialect reads a model's output: the one that is set, else the one that its files show."""

from collections.abc import Set

from toolgate.core.dialect import Dialect
from toolgate.dialects import get_dialect, list_dialects
from toolgate.pipeline.detect import Evidence, all_signs, detect


def choose_dialect(
    name: str | None, *, template: str | None, vocabulary: Set[str], setting: str
) -> Dialect:
    """`name`, where a person has set it; `setting` is where they do, for the error.

    `template` is the model's chat template, `vocabulary` its tokens.
    Raises: UnknownModel, ConfigError where nothing fits or several do.
    """
    if name:
        return get_dialect(name)
    dialects = [get_dialect(one) for one in list_dialects()]
    evidence = Evidence(
        template=template,
        vocabulary=all_signs(dialects) & vocabulary,
        source="the model that runs here",
        setting=setting,
    )
    return get_dialect(detect(evidence, dialects).dialect)
