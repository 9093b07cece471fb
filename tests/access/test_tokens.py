"""API_TOKENS_FILE: what a line may say, what a token opens, what happens when the file changes."""

import contextlib
import hashlib
import os
import re
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from service.access.token_file import LOOK_SECONDS, TokenFile
from service.access.tokens import line_of, new_token, read_tokens
from service.cli.tokens import tokens_group
from service.settings import SettingsError


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def write(tmp_path):
    def write(*lines: str) -> Path:
        path = tmp_path / "tokens"
        aside = tmp_path / "tokens.new"
        aside.write_text("\n".join(lines) + "\n")
        aside.rename(path)
        return path

    return write


def test_each_client_is_found_by_its_token_and_by_nothing_else(write):
    token = new_token()
    tokens = read_tokens(write("# clients", "", line_of("app", token), f"  {line_of('grafana', 'x', {'observe'})}  "))
    assert tokens.find(token).name == "app"
    assert tokens.find(token).scopes == {"predict", "observe"}
    assert tokens.find("x").scopes == {"observe"}
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert [tokens.find(guess) for guess in ("", token[:-1], token + " ", token.upper(), digest, "é", "\udc80")] == [
        None
    ] * 7


def test_two_tokens_may_share_a_name_so_that_one_can_replace_the_other(write):
    tokens = read_tokens(write(line_of("app", "old"), line_of("app", "new")))
    assert tokens.find("old").name == tokens.find("new").name == "app"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("app", "SHA-256"),
        ("app:secret", "SHA-256"),
        ("app:" + "0" * 63, "SHA-256"),
        (":" + "0" * 64, "name"),
        ("my app:" + "0" * 64, "name"),
        ("a" * 65 + ":" + "0" * 64, "name"),
        ("app:" + "0" * 64 + ":", "scopes"),
        ("app:" + "0" * 64 + ":predict,admin", "scopes"),
        ("app:" + "0" * 64 + ":predict:observe", "scopes"),
        (line_of("other", "good"), "earlier line"),
    ],
)
def test_a_malformed_line_is_refused_by_file_and_number_without_its_text(write, line, reason):
    path = write("# first", line_of("good", "good"), line)
    with pytest.raises(SettingsError) as refused:
        read_tokens(path)
    message = refused.value.message
    assert f"line 3 of {path}" in message
    assert reason in message
    assert "secret" not in message


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "tokens"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        read_tokens(path)


@given(st.text())
def test_any_text_is_read_or_refused_with_a_sentence(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    path.write_bytes(text.encode("utf-8", "replace"))
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    lines_of_clients = sum(bool(line) and not line.startswith("#") for line in lines)
    refused = pytest.raises(SettingsError, match=rf"line \d+ of {re.escape(str(path))} cannot be used")
    with refused if lines_of_clients else contextlib.nullcontext():
        assert len(read_tokens(path)) == lines_of_clients == 0


def test_a_change_is_seen_and_a_broken_one_keeps_what_was_known(write, capfd):
    clock = Clock()
    path = write(line_of("app", "one"))
    file = TokenFile(path, clock)

    def later():
        clock.now += LOOK_SECONDS
        return file.now

    write(line_of("app", "two"))
    assert file.now.find("two") is None, "looked again within a second"
    assert later().find("two").name == "app"
    assert file.now.find("one") is None, "a token that was taken out still opens"

    write("broken")
    for _ in range(3):
        assert later().find("two").name == "app"
    path.unlink()
    assert later().find("two").name == "app"
    write(line_of("app", "three"))
    assert later().find("three").name == "app"
    assert later().find("two") is None
    log = capfd.readouterr().out
    assert log.count('"tokens_kept"') == 2, "one warning for the broken file, one for none"


def test_of_a_broken_edit_the_lines_that_can_be_read_count_and_a_deleted_one_lets_nobody_in(write, capfd):
    clock = Clock()
    file = TokenFile(write(line_of("app", "one"), line_of("other", "two")), clock)
    write(line_of("app", "one"), "oth", line_of("new", "three"))
    clock.now += LOOK_SECONDS
    assert [file.now.find(token) is not None for token in ("one", "two", "three")] == [True, False, True]
    assert capfd.readouterr().out.count('"tokens_lines_refused"') == 1


def test_a_file_without_any_line_lets_nobody_in(write):
    clock = Clock()
    file = TokenFile(write(line_of("app", "one")), clock)
    write("# nobody")
    clock.now += LOOK_SECONDS
    assert file.now.find("one") is None


@pytest.mark.parametrize("thing", ["pipe", "/dev/zero", "folder", "huge"])
def test_what_is_no_file_in_the_place_of_one_is_read_by_nobody_and_the_clients_stay(write, thing):
    clock = Clock()
    path = write(line_of("app", "one"))
    file = TokenFile(path, clock)
    path.unlink()
    if thing == "pipe":
        os.mkfifo(path)
    elif thing == "folder":
        path.mkdir()
    elif thing == "huge":
        with path.open("wb") as huge:
            huge.truncate(2**40)
    else:
        path.symlink_to(thing)
    clock.now += LOOK_SECONDS
    assert file.now.find("one").name == "app"
    with pytest.raises(SettingsError, match="cannot be read"):
        read_tokens(path)


def test_what_one_process_has_read_holds_in_another_that_finds_the_file_gone(write):
    clock = Clock()
    path = write(line_of("app", "one"), line_of("other", "two"))
    file = TokenFile(path, clock)
    write(line_of("other", "two"))
    if (child := os.fork()) == 0:
        file.look()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    path.unlink()
    clock.now += LOOK_SECONDS
    assert file.now.find("one") is None
    assert file.now.find("two").name == "other"


@pytest.mark.process
def test_a_deleted_line_is_revoked_on_a_quiet_worker_even_when_the_file_is_gone_after_it(serve, write):
    path = write(line_of("app", "one"), line_of("other", "two"))
    server = serve(API_TOKENS_FILE=str(path), WEB_CONCURRENCY="2")
    server.until_serving(2)
    write(line_of("other", "two"))
    server.until(lambda: len({line["pid"] for line in server.events("tokens_read")}) == 2)  # no request was made
    path.unlink()
    os.mkfifo(path)
    server.until(lambda: len({line["pid"] for line in server.events("tokens_kept")}) == 2)
    for _ in range(6):
        assert server.ask("/model/info", headers={"Authorization": "Bearer one"})[0] == 401
        assert server.ask("/model/info", headers={"Authorization": "Bearer two"})[0] == 200
    os.kill(server.workers[0], signal.SIGKILL)
    server.until_serving(2)
    for _ in range(6):
        assert server.ask("/model/info", headers={"Authorization": "Bearer one"})[0] == 401


def test_a_secret_mounted_as_a_link_is_followed(tmp_path):
    clock = Clock()
    for name in ("one", "two"):
        (tmp_path / name).write_text(line_of("app", name) + "\n")
    link = tmp_path / "tokens"
    link.symlink_to(tmp_path / "one")
    file = TokenFile(link, clock)
    (tmp_path / "aside").symlink_to(tmp_path / "two")
    (tmp_path / "aside").replace(link)
    clock.now += LOOK_SECONDS
    assert file.now.find("two").name == "app"


def run(*arguments, **environment):
    return CliRunner().invoke(tokens_group, arguments, env={"API_TOKENS_FILE": ""} | environment)


def test_create_prints_a_token_once_and_lets_it_in(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("# no newline at the end")
    first = run("create", "app", API_TOKENS_FILE=str(path))
    second = run("create", "grafana", "--scope", "observe", API_TOKENS_FILE=str(path))
    assert first.exit_code == second.exit_code == 0
    tokens = read_tokens(path)
    assert tokens.find(first.stdout.strip()).name == "app"
    assert tokens.find(second.stdout.strip()).scopes == {"observe"}
    assert first.stdout.strip() not in path.read_text()
    listed = run("list", API_TOKENS_FILE=str(path)).stdout
    assert [line.split("\t")[:2] for line in listed.splitlines()] == [
        ["app", "observe,predict"],
        ["grafana", "observe"],
    ]


def test_create_without_a_file_prints_the_line_to_put_there(tmp_path):
    made = run("create", "app")
    path = tmp_path / "tokens"
    path.write_text(made.stderr.splitlines()[-1])
    assert read_tokens(path).find(made.stdout.strip()).name == "app"


def test_create_adds_nothing_to_a_malformed_file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("broken\n")
    made = run("create", "app", API_TOKENS_FILE=str(path))
    assert made.exit_code == 1
    assert "line 1" in made.output
    assert path.read_text() == "broken\n"


def test_a_name_that_no_line_can_hold_is_refused():
    assert run("create", "my app").exit_code == 1
