"""Settings and their file."""

import tomllib

import pytest

from exdbsql.shell.settings import SETTINGS, Settings, change, load, template


def test_the_template_sets_nothing_and_every_line_of_it_works(tmp_path):
    assert tomllib.loads(template()) == {}
    lines = [
        line.removeprefix("# ") for line in template().split("\n") if " = " in line and not line.startswith("# Re")
    ]
    file = tmp_path / "shell.toml"
    file.write_text("\n".join(lines))
    assert len(tomllib.loads(file.read_text())) == len(SETTINGS)
    settings = Settings()
    assert load(settings, file) == []
    assert settings == Settings()


def test_a_wrong_line_is_reported_and_the_rest_holds(tmp_path):
    file = tmp_path / "shell.toml"
    file.write_text('timing = true\ncolour = "red"\nformat = "xml"\nhistory_size = 5\n')
    settings = Settings()
    complaints = load(settings, file)
    assert len(complaints) == 2
    assert str(file) in complaints[0]
    assert settings.timing
    assert settings.history_size == 5


def test_no_file_and_no_toml(tmp_path):
    assert load(Settings(), tmp_path / "none") == []
    (tmp_path / "bad").write_text("= =")
    assert len(load(Settings(), tmp_path / "bad")) == 1


def test_change_says_what_would_be_right():
    with pytest.raises(ValueError, match='expanded cannot be "maybe": it takes on, off or auto'):
        change(Settings(), "expanded", "maybe")
    with pytest.raises(ValueError, match="history_size"):
        change(Settings(), "history_size", "-1")
