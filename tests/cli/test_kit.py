"""``stillup kit`` and ``stillup completion`` as a person, a script and a shell use them."""

import io
import json
import os
import subprocess
import sys

import pytest
from rich.console import Console

from stillup.cli.main import run

CODE = "x = 1\n"


@pytest.fixture
def kit(tmp_path, monkeypatch, capsys):
    """Runs a command with a folder of its own; its exit code and what it printed."""
    config = tmp_path / "stillup.toml"
    config.write_text(f"data = {json.dumps(str(tmp_path / 'data'))}\n")
    monkeypatch.setenv("STILLUP_CONFIG", str(config))
    monkeypatch.setenv("EDITOR", "true")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "VISUAL"):
        monkeypatch.delenv(name, raising=False)

    def ask(*arguments):
        code = run(["kit", *arguments, "--config", str(config)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return ask


@pytest.fixture
def clipboard(tmp_path, monkeypatch):
    """The file that a stand-in for the system's clipboard program reads and writes."""
    programs, held = tmp_path / "bin", tmp_path / "held"
    programs.mkdir()
    (programs / "xclip").write_text(f'#!/bin/sh\ncase "$*" in *-o*) cat "{held}";; *) cat > "{held}";; esac\n')
    (programs / "xclip").chmod(0o755)
    held.write_text("")

    def use():
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("DISPLAY", ":99")
        return held

    return use


def test_the_list_shows_the_starters_and_where_ones_own_go(kit, tmp_path):
    code, out, _ = kit("list")
    assert code == 0
    assert "code-review" in out
    assert str(tmp_path / "kit") in out


def test_the_list_cuts_no_word_of_what_an_entry_does(kit, monkeypatch):
    from stillup.cli.kit import view
    from stillup.cli.kit.names import KitPlace
    from stillup.config import Config

    place = KitPlace.of(Config())
    piped = kit("list")[1].splitlines()
    assert not any("…" in line for line in piped)
    assert sum(bool(line.strip()) for line in piped) == len(place.index().rows) + 2
    for columns in (60, 80, 120):
        out = Console(file=io.StringIO(), width=columns, force_terminal=True, color_system=None)
        monkeypatch.setattr(view, "console", lambda *, color, out=out: out)
        view.print_rows(place.index().rows, place.own, color=None)
        said = out.file.getvalue()
        assert "…" not in said
        assert max(map(len, said.splitlines()[:-1])) <= columns


def test_the_list_can_be_narrowed_and_read_by_programs(kit):
    code, out, _ = kit("list", "--task", "translation", "--json")
    assert code == 0
    assert [json.loads(line)["name"] for line in out.splitlines()] == ["translate", "translation-check"]
    assert "report" in kit("list", "--kind", "template")[1]
    assert "code-review" not in kit("list", "--own")[1]
    assert "debug" in kit("list", "--tag", "Traceback")[1]


def test_a_search_forgives_typing_errors_and_says_when_nothing_fits(kit):
    code, out, _ = kit("search", "code", "reveiw", "--json")
    assert (code, json.loads(out)["name"]) == (0, "code-review")
    code, out, err = kit("search", "xylophone")
    assert (code, out) == (1, "")
    assert "nothing in the kit fits 'xylophone'" in err
    assert kit("search", "meeting", "--kind", "template", "--limit", "1")[1].count("meeting-") == 1


def test_one_is_shown_with_its_places_and_raw_as_it_is(kit):
    code, out, _ = kit("show", "minutes")
    assert code == 0
    assert "transcript  notes or transcript (has to be given)" in out
    assert "meeting  which meeting (default: the meeting)" in out
    assert kit("show", "meeting-minutes", "--raw")[1].startswith("Write minutes of {{meeting}}")
    assert json.loads(kit("show", "debug", "--json")[1])["variables"][0]["name"] == "error"


def test_a_word_that_means_several_or_none_is_answered_with_names(kit):
    code, _, err = kit("show", "meeting")
    assert code == 64
    assert "means several: meeting-agenda, meeting-minutes" in err
    assert "did you mean debug" in kit("show", "debgu")[2]


def test_places_are_filled_from_words_files_and_the_pipe(kit, tmp_path, monkeypatch):
    (tmp_path / "code.py").write_text(CODE)
    code, out, _ = kit("fill", "refactor", f"code=@{tmp_path / 'code.py'}", "why=@@home")
    assert code == 0
    assert "What is hard today: @home" in out
    assert "```\nx = 1\n```" in out
    with (tmp_path / "code.py").open() as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        assert "x = 1" in kit("fill", "refactor", "code=-", "why=this")[1]


@pytest.mark.parametrize(
    ("values", "code", "says"),
    [
        ([], 64, "refactor has no value for why, code; give why=… code=…"),
        (["nope"], 64, "'nope' is no VARIABLE=VALUE; it has: why, code"),
        (["x=1"], 64, "refactor has no place called 'x'"),
        (["code=@/nowhere/at/all"], 65, "cannot be read"),
    ],
)
def test_what_is_missing_or_wrong_is_named(kit, values, code, says):
    found, out, err = kit("fill", "refactor", *values)
    assert (found, out) == (code, "")
    assert says in err


def test_what_is_filled_in_goes_to_the_clipboard_and_comes_from_it(kit, clipboard):
    held = clipboard()
    held.write_text("the old code")
    code, out, err = kit("fill", "refactor", "why=slow", "--paste", "code", "--copy")
    assert (code, out) == (0, "")
    assert "Copied: Refactor in small steps" in err
    assert "the old code" in held.read_text()
    assert "hard today: slow" in held.read_text()


def test_without_a_clipboard_it_says_so(kit):
    code, _, err = kit("fill", "refactor", "why=x", "--paste", "code")
    assert code == 64
    assert "no clipboard can be reached" in err


def test_one_of_ones_own_is_made_and_found(kit, tmp_path):
    source = tmp_path / "text.txt"
    source.write_text("Write a haiku about {{topic|the sea}}.\n")
    code, out, _ = kit("new", "poems/haiku", "--text", str(source), "--title", "A: haiku", "--task", "writing")
    assert code == 0
    assert str(tmp_path / "kit" / "poems" / "haiku.md") in out
    assert kit("fill", "haiku", "topic=rain")[1] == "Write a haiku about rain.\n"
    row = json.loads(kit("search", "haiku", "--json")[1])
    assert (row["title"], row["tasks"], row["own"], row["trouble"]) == ("A: haiku", ["writing"], True, None)
    assert kit("new", "poems/haiku")[0] == 64
    assert kit("new", "../out")[0] == 64


def test_a_starter_that_is_edited_becomes_ones_own(kit, tmp_path):
    code, _, err = kit("edit", "debug")
    assert code == 0
    assert "A copy of the starter" in err
    own = tmp_path / "kit" / "debug.md"
    own.write_text("---\ntitle: Mine: broken\n---\nText\n")
    code, _, err = kit("edit", "debug")
    assert code == 0
    assert "its front matter is no YAML" in err
    assert kit("fill", "debug")[1] == "Text\n"


def test_an_editor_that_is_not_there_is_named_and_nothing_is_lost(kit, monkeypatch, tmp_path):
    monkeypatch.setenv("EDITOR", "no-such-editor-here")
    code, _, err = kit("new", "mine")
    assert code == 65
    assert "set EDITOR" in err
    assert (tmp_path / "kit" / "mine.md").exists()


def test_a_file_that_was_left_out_is_named(kit, tmp_path):
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "bad.md").write_bytes(b"\xff\xfe")
    code, _, err = kit("list")
    assert code == 0
    assert "bad.md is no text in UTF-8" in err


def test_the_folder_can_be_set(kit, tmp_path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "only.md").write_text("Text")
    config = tmp_path / "stillup.toml"
    config.write_text(config.read_text() + '[kit]\nfolder = "prompts"\n')
    assert json.loads(kit("list", "--own", "--json")[1])["name"] == "only"


def completed(words, **more):
    """What the shell is offered for the last of these words."""
    environ = os.environ | {
        "_STILLUP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1), **more
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "stillup"], env=environ, capture_output=True, text=True, check=False)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "has"),
    [
        ("stillup ki", "kit"),
        ("stillup chatg", "chatgpt"),
        ("stillup kit se", "search"),
        ("stillup kit show meeting-m", "meeting-minutes"),
        ("stillup kit fill debug --de", "--defaults"),
        ("stillup alternatives --task cod", "coding"),
    ],
)
def test_a_shell_completes_commands_services_options_and_names(words, has, tmp_path):
    assert has in completed(words, HOME=str(tmp_path))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(shell, capsys):
    assert run(["completion", shell]) == 0
    assert "_STILLUP_COMPLETE" in capsys.readouterr().out


def test_the_kit_opens_no_connection_and_asks_for_no_name(tmp_path):
    code = (
        "import sys; from stillup.cli.main import run\n"
        "sys.addaudithook(lambda event, _: sys.exit(f'used {event}') if event.startswith('socket.') else None)\n"
        "sys.exit(run(['kit', 'list']) or run(['kit', 'search', 'reveiw']) or run(['kit', 'fill', 'alt-text']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
