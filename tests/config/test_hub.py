"""What may be said of reports and of shared counts."""

from __future__ import annotations

import pytest

from stillup.config import parse_config
from stillup.errors import ConfigError


def test_reports_are_taken_and_nothing_is_shared_unless_told():
    config = parse_config("")

    assert config.hub.enabled
    assert config.hub.own_networks == ()
    assert config.pool.share is False
    assert config.pool.accept is False


def test_own_networks_are_settled():
    config = parse_config("[hub]\nown_networks = ['10.1.2.3/8', '2001:db8::1/32']")

    assert config.hub.own_networks == ("10.0.0.0/8", "2001:db8::/32")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[hub]\nown_networks = ['10.0.0.0/33']", "2: hub.own_networks[0]: is '10.0.0.0/33'; allowed: "),
        ("[hub]\nown_networks = ['home']", "2: hub.own_networks[0]: is 'home'; allowed: "),
        ("[hub]\nenabled = 1", "2: hub.enabled: is 1; allowed: true or false"),
        ("[pool]\nshare = true", "2: pool.share: is true, and nobody is named to share with; allowed: with `url`"),
        ("[pool]\nurl = 'ftp://x'", "2: pool.url: does not begin with http:// or https://"),
        ("[pool]\nsecret = 'x'", "2: pool.secret: keys do not belong in this file"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(text, says):
    with pytest.raises(ConfigError) as caught:
        parse_config(text)

    assert says in str(caught.value)


def test_sharing_with_an_address_is_allowed():
    config = parse_config("[pool]\nshare = true\nurl = 'https://pool.example/'")

    assert config.pool.url == "https://pool.example"
