"""A grammar is plain data: equal trees are equal and can be a cache's key."""

from msgspec import Struct
from msgspec.structs import replace

from toolgate.core.grammar import (
    Alt,
    Bounds,
    Constraint,
    FreeText,
    Index,
    Json,
    Lit,
    Members,
    Node,
    Opt,
    Plus,
    Regex,
    Schema,
    Seq,
    Tok,
    special_tokens,
    text_ends,
)


def _tree():
    call = Seq((Tok("<|call|>"), Alt((Lit("a:"), Lit("b:"))), Regex("[0-9]{1,3}"), FreeText()))
    return Seq((Opt(Lit(" ")), Plus(call, 1, 32)))


def test_equal_trees_are_one_key():
    assert hash(_tree()) == hash(_tree())
    assert {_tree(): 1}[_tree()] == 1


def _numbered(first: int, schema: Schema) -> Constraint:
    call = Seq(
        (Opt(Lit(" ")), Index(first), Alt((Json(schema), Members(schema, _Tags(Tok("<e>"))))))
    )
    return Constraint(calls=Plus(call), triggers=("<|call|>",))


def test_constraints_that_are_written_alike_have_one_content():
    one, same = _numbered(0, {"type": "object"}), _numbered(3, {"type": "object"})
    assert one.content == same.content == replace(one, lead=Lit("of no use")).content
    other, order = (_numbered(0, schema) for schema in ({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    required = replace(one, required=True)
    thinking, bounded = replace(required, lead=Lit(" ")), replace(one, bounds=Bounds(digits=3))
    assert len({x.content for x in (one, other, order, required, thinking, bounded)}) == 6
    assert one.content is one.content


def test_the_special_tokens_of_a_constraint():
    tags = Seq((Tok("<m>"),)), Tok("</m>")
    calls = Plus(Alt((Tok("<a>"), Seq((Opt(Tok("<b>")), Members(True, lambda key, kind: tags))))))
    constraint = Constraint(calls=calls, triggers=("<t>",), lead=Seq((FreeText(), Tok("<l>"))))
    found = special_tokens(constraint)
    assert sorted(found) == sorted({"<t>", "<a>", "<b>", "<m>", "</m>", "<l>"})


def test_a_constraint_leaves_the_choice_whether_to_call():
    constraint = Constraint(calls=_tree(), triggers=("<|call|>",))
    assert not constraint.required
    assert constraint.lead == Seq(())
    assert constraint.bounds.string is None


def test_what_ends_running_text():
    ends = (Lit("</a>"), Seq((Lit("</b>"), Tok("<x>"))), Tok("</c>"), Seq((Tok("</d>"), Lit("\n"))))
    members = (Members(True, _Tags(end)) for end in ends)
    assert text_ends(Opt(Alt((*members, Lit("no tag"))))) == ("</b>", "</a>")


class _Tags(Struct, frozen=True):
    end: Node

    def __call__(self, key: str | None, kind: str) -> tuple[Node, Node]:
        return Tok("<m>"), self.end
