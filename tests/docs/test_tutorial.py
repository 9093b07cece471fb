"""docs/tutorial.md and docs/how-to/ do what they say, typed block by block in a fresh clone."""

import shutil

import pytest

from tests.conftest import ROOT
from tests.docs.blocks import blocks_of, matches
from tests.docs.reader import Reader, clone, follow, reader
from tests.records.postgres import Postgres, programs

RECIPES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
DATABASE = "postgresql://serving@127.0.0.1:5432/serving"
OWN_SERVER = ("tokens", "nginx", "many-workers", "postgresql")
TRAIN = "python -m training --data examples/data/customers.csv --target churned --name churn --no-card"


@pytest.mark.process
@pytest.mark.slow
def test_the_tutorial_works_from_the_first_block_to_the_last(tmp_path):
    with reader(tmp_path) as someone:
        follow(ROOT / "docs" / "tutorial.md", someone)


@pytest.fixture(scope="module")
def churn(tmp_path_factory):
    """The artifacts of the tutorial's model."""
    folder = tmp_path_factory.mktemp("churn")
    someone = Reader(clone(folder))
    try:
        someone.type_text("bash", TRAIN)
    finally:
        someone.close()
    return folder / "artifacts"


@pytest.fixture
def database():
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    postgres = Postgres()
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.stop()
        postgres.remove()


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_a_recipe_works_with_the_model_of_the_tutorial(page, churn, tmp_path, request):
    with reader(tmp_path) as someone:
        shutil.copytree(churn, tmp_path / "artifacts")
        if page.stem == "postgresql":
            someone.replaced[DATABASE] = request.getfixturevalue("database").address
        if page.stem not in OWN_SERVER:
            someone.type_text("bash", "gunicorn wsgi:app\n")
        follow(page, someone)


@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_a_recipe_is_a_screen_long_and_has_something_to_type(page):
    assert len(page.read_text().splitlines()) <= 55
    assert any(block.runs for block in blocks_of(page))


def test_an_output_that_differs_is_found():
    shown = "start\n...\naccuracy 0.8575 at 2026-01-02T03:04:05.678Z\n"
    assert matches(shown, "start\nany\nlines\naccuracy  0.8575 at 2027-11-12T13:14:15.161Z\n")
    assert not matches(shown, "start\naccuracy 0.8574 at 2027-11-12T13:14:15.161Z\n")
    assert not matches(shown, "accuracy 0.8575 at 2027-11-12T13:14:15.161Z\n")
