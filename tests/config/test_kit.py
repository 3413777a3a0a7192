"""What the configuration says of the kit."""

from __future__ import annotations

from stillup.config import parse_config


def test_the_folder_of_prompts_is_beside_the_file_unless_it_is_named():
    assert parse_config("").kit.folder is None
    assert parse_config('[kit]\nfolder = "/some/where"').kit.folder == "/some/where"
    assert parse_config("", {"STILLUP_KIT__FOLDER": "/else"}).kit.folder == "/else"


def test_a_folder_that_is_no_text_is_refused(refusal):
    assert "kit.folder: is 3; allowed: a path" in refusal("[kit]\nfolder = 3")[0]
