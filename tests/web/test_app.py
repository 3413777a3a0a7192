"""The application as a whole."""

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest


def test_a_path_that_nobody_serves_is_not_found(client):
    assert client.get("/no/such/path").status_code == 404


def test_it_can_be_served_on_loopback(served):
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"{served}/no/such/path", timeout=5)
