"""Which revision of a model's files it is, and whether that is a bad one."""

from pathlib import Path

import pytest

from tests.apps.doctor.conftest import codes
from tests.apps.doctor.test_patient import patient
from tests.engines.scripted_server import answer, scripted_server
from toolgate.apps.doctor.report import Finding, Seen
from toolgate.apps.doctor.revision import CODE, check_revision
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.model_folder import read_model_folder

BAD = "b215bf7476a2" + "0" * 28
GOOD = "94a4053eb8863059dd8afc00937f054e1365abbd"
HIDES = "class T:\n    def apply_chat_template(self, conversation, tools=None, **kwargs): ...\n"
NAMES = HIDES.replace("tools=None", "tools=None, add_generation_prompt=True")


async def told(folder: Path) -> list[Finding | Seen]:
    found = read_model_folder(str(folder))
    return [one async for one in check_revision(patient(folder=found))]


def notes_revision(folder: Path, revision: str) -> Path:
    """As `hf download --local-dir` does."""
    notes = folder / ".cache" / "huggingface" / "download" / "config.json.metadata"
    notes.parent.mkdir(parents=True)
    notes.write_text(f"{revision}\netag\n1700000000.0\n")
    return folder


@pytest.mark.parametrize(("revision", "found"), [(GOOD, []), (BAD, ["old_revision"])])
async def test_a_revision_by_the_folders_name(tmp_path: Path, revision: str, found: list[str]):
    (folder := tmp_path / "snapshots" / revision).mkdir(parents=True)
    seen, *findings = await told(folder)
    assert seen == Seen("revision", revision)
    assert [one.code for one in findings if isinstance(one, Finding)] == found


async def test_a_revision_by_the_folders_notes(tmp_path: Path):
    assert await told(notes_revision(tmp_path, GOOD)) == [Seen("revision", GOOD)]


@pytest.mark.parametrize("noted", ["main", ""])
async def test_notes_that_name_no_commit(tmp_path: Path, noted: str):
    assert await told(notes_revision(tmp_path, noted)) == []


@pytest.mark.parametrize(
    ("code", "is_old"), [(HIDES, True), (NAMES, False), ("no Python", False), ("x = 1", False)]
)
async def test_a_tokenizers_code_is_read(tmp_path: Path, code: str, is_old: bool):
    (tmp_path / CODE).write_text(code)
    assert [one.code for one in await told(tmp_path) if isinstance(one, Finding)] == [
        "old_revision"
    ] * is_old


@pytest.mark.parametrize(
    ("root", "revision"),
    [(f"/hub/models--m/snapshots/{BAD}", BAD), (f"/hub/snapshots/{GOOD}/", GOOD), ("m", None)],
)
async def test_a_revision_by_the_path_that_the_server_tells(root: str, revision: str | None):
    card = b'{"data": [{"id": "m", "root": "' + root.encode() + b'"}]}'
    async with scripted_server({"/v1/models": answer(card)}) as server:
        endpoint = Endpoint(server.url)
        seen = [one async for one in check_revision(patient(endpoint=endpoint))]
        await endpoint.close()
    assert [one.text for one in seen if isinstance(one, Seen)] == [revision] * bool(revision)
    assert any(isinstance(one, Finding) for one in seen) is (revision == BAD)


async def test_it_is_named_in_a_deployment(examined, tmp_path: Path):
    (tmp_path / CODE).write_text(HIDES)
    assert codes(await examined(model_dir=str(tmp_path))) == ["old_revision"]
