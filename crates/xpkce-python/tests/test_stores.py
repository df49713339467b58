"""Where a keeper's store and key are, by its arguments and by the environment."""

from __future__ import annotations

import os
import pathlib
import traceback
from typing import Callable

import pytest
from test_process import in_child

import xpkce
from xpkce import Keeper


@pytest.fixture
def folders(tmp_path, monkeypatch) -> Callable[[str], None]:
    """Makes a folder, and goes there until the test ends."""

    def go(name: str) -> None:
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)

    return go


def test_a_relative_store_is_where_it_was_after_the_folder_changed(x, settings, folders):
    folders("one")
    with Keeper(**settings | {"store": "logins.db"}) as keeper:
        keeper.finish_login(x.approve(keeper.begin_login()))
        folders("two")
        keeper.close()
        assert len(keeper.logins()) == 1 and os.listdir() == []


def test_a_relative_key_file_is_where_it_was_after_the_folder_changed(x, settings, folders):
    folders("one")
    with Keeper(**settings, key_file="the-key") as keeper:
        keeper.finish_login(x.approve(keeper.begin_login()))
        folders("two")
        keeper.close()
        keeper.refresh()
        assert os.listdir() == []


def test_a_fork_after_the_folder_changed_opens_the_same_store(x, settings, folders):
    folders("one")
    with Keeper(**settings | {"store": "logins.db"}) as keeper:
        keeper.finish_login(x.approve(keeper.begin_login()))
        folders("two")
        assert in_child(lambda: len(keeper.logins())) == 1


def test_it_is_made_of_the_environment(x, settings, monkeypatch, tmp_path):
    for name in ("client_id", "client_secret", "base_url", "authorization_base_url", "scope"):
        monkeypatch.setenv(f"XPKCE_{name.upper()}", settings[name])
    monkeypatch.setenv("XPKCE_HOME", str(tmp_path / "home"))
    with Keeper.from_environment() as keeper:
        keeper.finish_login(x.approve(keeper.begin_login()))
        assert x.whoami(keeper.access_token()) == 200
    assert (tmp_path / "home/xpkce.db").exists() and (tmp_path / "home/key").exists()
    monkeypatch.delenv("XPKCE_CLIENT_ID")
    with pytest.raises(xpkce.ConfigureError, match="XPKCE_CLIENT_ID") as raised:
        Keeper.from_environment()
    assert raised.value.reason == "invalid_setting"
    assert "XPKCE_CLIENT_ID" in raised.value.hint and "xpkce app list" in raised.value.hint


def test_without_a_client_id_no_secret_of_the_environment_is_read(monkeypatch):
    monkeypatch.delenv("XPKCE_CLIENT_ID", raising=False)
    monkeypatch.setenv("XPKCE_CLIENT_SECRET", "hunter2")
    with pytest.raises(xpkce.ConfigureError) as raised:
        Keeper.from_environment()
    assert "hunter2" not in seen_in(raised.value)


def seen_in(error: BaseException) -> str:
    """What some traceback tools show: the variables of our frames."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    package = os.path.dirname(xpkce.__file__)
    seen = [repr(it.f_locals) for it in frames if it.f_code.co_filename.startswith(package)]
    assert seen
    return "".join(seen)


def test_without_a_home_no_secret_of_the_environment_is_read(monkeypatch):
    def home() -> pathlib.Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("XPKCE_HOME", "XPKCE_STORE", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pathlib.Path, "home", home)
    monkeypatch.setenv("XPKCE_CLIENT_ID", "id")
    monkeypatch.setenv("XPKCE_CLIENT_SECRET", "hunter2")
    with pytest.raises(xpkce.ConfigureError, match="home") as raised:
        Keeper.from_environment()
    assert "XPKCE_HOME" in raised.value.hint and "hunter2" not in seen_in(raised.value)


def test_a_store_and_a_key_need_no_home(monkeypatch, tmp_path):
    monkeypatch.setattr(pathlib.Path, "home", lambda: pytest.fail("it was asked"))
    monkeypatch.delenv("XPKCE_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("XPKCE_CLIENT_ID", "id")
    monkeypatch.setenv("XPKCE_STORE", str(tmp_path / "logins.db"))
    monkeypatch.setenv("XPKCE_KEY_FILE", str(tmp_path / "key"))
    with Keeper.from_environment() as keeper:
        assert str(tmp_path / "logins.db") in repr(keeper)


def test_an_unknown_kind_of_store_is_refused_without_repeating_it():
    with pytest.raises(xpkce.ConfigureError) as raised:
        Keeper("mysql://user:hunter2@host/db", client_id="id")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("store", [":memory:", "sqlite::memory:", "file:x?mode=memory", "sqlite:"])
def test_sqlites_own_words_for_a_store_are_no_path(store):
    with pytest.raises(xpkce.ConfigureError, match="this kind of store is not known"):
        Keeper(store, client_id="id")


@pytest.mark.parametrize("store", ["host=h password=hunter2 dbname=d", "postgres:/u:hunter2@h/d"])
def test_what_is_meant_for_postgresql_is_no_path_and_is_not_repeated(store):
    with pytest.raises(xpkce.ConfigureError) as raised:
        Keeper(store, client_id="id", key_file="key")
    said = f"{raised.value} {raised.value.hint} {raised.value.cause}"
    assert "hunter2" not in said and "postgres://" in said


@pytest.mark.parametrize("store", ["postgres://u:hunter2{}@h/d", "host=h password=hunter2{}"])
def test_an_address_that_is_no_text_is_no_path(store):
    with pytest.raises(xpkce.ConfigureError, match="^this kind of store is not known$"):
        Keeper(store.format(os.fsdecode(b"\xff")), client_id="id", key_file="key")


def test_a_path_need_not_be_text(x, settings, tmp_path):
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    with Keeper(**settings | {"store": folder / "logins.db"}) as keeper:
        assert keeper.logins() == []
    assert (folder / "logins.db").exists()
