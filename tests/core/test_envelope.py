"""A call that is one JSON text: what is shown when, and what becomes of one that went wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.core.dialect import Envelope
from toolgate.core.envelope import EnvelopeArguments
from toolgate.core.events import Anomaly, AnomalyKind


def read(*texts: str, cut: bool = False) -> tuple[str | None, str, list[str]]:
    """The name, the arguments, and the kinds of what was odd."""
    envelope = EnvelopeArguments(Envelope())
    shown = "".join(map(envelope.feed, texts))
    rest, anomalies = envelope.finish(cut=cut)
    return envelope.name, shown + rest, [anomaly.kind for anomaly in anomalies]


def test_arguments_are_shown_while_they_are_written():
    envelope = EnvelopeArguments(Envelope())
    assert envelope.feed('\n{"name": "f", "arg') == ""
    assert (envelope.name, envelope.has_arguments) == ("f", False)
    assert envelope.feed('uments": {"a": "x') == '{"a": "x'
    assert envelope.in_string and envelope.scanner.in_string and envelope.has_arguments
    assert envelope.feed('y"}}') == 'y"}'
    assert not envelope.in_string
    assert envelope.finish(cut=False) == ("", [])


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ('{"arguments": {"a": 1}, "name": "f"}', "f", '{"a": 1}'),
        ('{"name": "f", "parameters": {}}', "f", "{}"),
        ('{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}', "f", '{"a": 1}'),
        ('{"function": "f", "arguments": {"a": 1}}', "f", '{"a": 1}'),
        ('[{"name": "f", "arguments": {"a": 1}}]', "f", '{"a": 1}'),
        ('{"name": "f", "arguments": [1, 2]}', "f", "[1, 2]"),
        ('{"name": "f", "arguments": 5}', "f", "5"),
        ('{"name": "f"}', "f", "{}"),
        ("{}", None, "{}"),
        ("", None, "{}"),
        ('{"name": "f", "arguments": {}, }}}', "f", "{}"),
    ],
)
def test_keys_come_in_any_order_and_under_several_names(text, name, arguments):
    assert read(text) == (name, arguments, [])
    assert read(*text) == (name, arguments, [])


@pytest.mark.parametrize(
    ("text", "name", "arguments", "kinds"),
    [
        ('{{"name": "f", "arguments": {"a": 1}}', "f", '{"a": 1}', []),
        ('{"name": "f", "arguments": {"a": 1', "f", '{"a": 1}', ["healed_arguments"]),
        ("{'name': 'f', 'arguments': {'a': True}}", "f", '{"a": true}', ["healed_arguments"]),
        ("{'name': 'f', 'x': 1}", "f", "{}", ["healed_arguments"]),
        ("{'name': 'f', 'arguments': '{}'}", "f", "{}", ["healed_arguments"]),
        ("{'name': f(}", None, "{}", ["healed_arguments"]),
        ("[1, 2]", None, "{}", ["healed_arguments"]),
        ('{"name": "f", "arguments": "{\\"a\\": 1}"}', "f", '{"a": 1}', ["healed_arguments"]),
        ('{"name": "f", "arguments": null}', "f", "{}", ["healed_arguments"]),
        (
            '{"name": "f", "city": "Bonn", "n": 1}',
            "f",
            '{"city": "Bonn", "n": 1}',
            ["healed_arguments"],
        ),
        ('{"name": "f", "arguments": {}, "why": 1}', "f", "{}", ["text_between_calls"]),
        ('{"name": "f", "arguments": {}} so', "f", "{}", ["text_between_calls"]),
        ('{"name": "f", "arguments": {} so', "f", "{}", ["text_between_calls"]),
        ('{"name": "f", "arguments": {}, so', "f", "{}", ["text_between_calls"]),
        ('{"name": "f" so', "f", "{}", ["healed_arguments"]),
        ("{1: 2}", None, "{}", ["healed_arguments"]),
        ('{"name" so', None, "{}", ["healed_arguments"]),
        ('{"na\nme": "f"}', None, "{}", ["healed_arguments"]),
    ],
)
def test_what_went_wrong_is_mended_or_told(text, name, arguments, kinds):
    assert read(text) == (name, arguments, kinds)
    assert read(*text) == (name, arguments, kinds)


def test_a_native_id_is_kept():
    envelope = EnvelopeArguments(Envelope())
    envelope.feed('{"id": "x1", "name": "f", "arguments": {}}')
    assert (envelope.native_id, envelope.name) == ("x1", "f")


def test_the_next_call_of_a_list_is_handed_back():
    envelope = EnvelopeArguments(Envelope())
    envelope.feed('[{"name": "f", "arguments": {}}, {"name": "g"')
    assert envelope.rest == '{"name": "g"'


def test_the_next_call_is_no_part_of_what_was_kept_of_this_one():
    for size in (1, 100):
        envelope = EnvelopeArguments(Envelope())
        text = '{"x": 1}, {"name": "g"}'
        for at in range(0, len(text), size):
            if not envelope.rest:
                envelope.feed(text[at : at + size])
        assert envelope.kept == '{"x": 1}, '


def test_what_was_kept_can_be_told():
    envelope = EnvelopeArguments(Envelope())
    envelope.feed('{"nam')
    assert envelope.kept == '{"nam'
    envelope.feed('e": "f", "arguments": {"a')
    assert envelope.kept == '"a'


def test_a_cut_call_is_not_mended():
    assert read('{"name": "f", "argum', cut=True) == ("f", "", [])
    assert read('{"name": "f", "arguments": {"a": "b', cut=True) == ("f", '{"a": "b', [])
    assert read('{"name": "f", "arguments": null', cut=True)[1:] == ("", ["invalid_arguments"])


@given(st.text('{}[]",: \\naargumentsf1', max_size=60), st.booleans())
def test_any_chunking_reads_the_same(text, cut):
    assert read(text, cut=cut) == read(*text, cut=cut)


def test_noise_is_told_whole():
    envelope = EnvelopeArguments(Envelope())
    envelope.feed('{"name": "f", "arguments": {}}')
    for text in (" well", ", {so}"):
        envelope.feed(text)
    told = [Anomaly(AnomalyKind.TEXT_BETWEEN_CALLS, raw="well, {so")]
    assert envelope.finish(cut=False) == ("", told)


@pytest.mark.parametrize(
    "text", ['{"name": "f", "args": {"a": 1', '{"name": "f", "arg', '{"name": "f", "a":']
)
def test_a_half_member_beside_the_name_is_told(text):
    reader = EnvelopeArguments(Envelope())
    reader.feed(text)
    rest, anomalies = reader.finish(cut=False)
    assert rest == text
    assert [anomaly.kind for anomaly in anomalies] == ["invalid_arguments"]
