"""A kit's folder, and its index."""

import pytest

from stillup.kit.folder import STARTER
from stillup.kit.index import look


@pytest.fixture
def kit(tmp_path):
    folder = tmp_path / "kit"
    folder.mkdir()
    return folder


@pytest.fixture
def put(kit):
    def put(name, text="Text.\n", **front):
        path = kit / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{key}: {value}\n" for key, value in front.items())
        path.write_text(f"---\n{lines}---\n{text}" if front else text)
        return path

    return put


@pytest.fixture
def index(kit, tmp_path):
    """The index as it is now, without the starters unless they are asked for."""

    def index(*, starter=False, cache=True):
        return look(STARTER if starter else tmp_path / "none", kit, tmp_path / "cache" / "kit.index" if cache else None)

    return index
