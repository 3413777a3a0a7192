"""What the configuration says of more than one machine, and of who watches."""

from __future__ import annotations

import pytest

from stillup.config import parse_config
from stillup.errors import ConfigError

CHANNEL = '[[alerts.channels]]\nid = "ops"\nurl = "https://example.org/hook"\n'


def test_without_a_word_there_is_no_cluster_and_nobody_is_called():
    config = parse_config("")
    assert config.cluster.bus == ()
    assert (config.watchdog.url, config.watchdog.tell) == (None, ())


def test_the_bus_is_a_list_of_servers_that_a_variable_may_name_too():
    config = parse_config("", {"STILLUP_CLUSTER__BUS": "nats://127.0.0.1:4222,tls://bus.example.org:4222"})
    assert config.cluster.bus == ("nats://127.0.0.1:4222", "tls://bus.example.org:4222")


def test_how_many_there_should_be_is_said_for_each_role():
    config = parse_config("[cluster.expect]\nmonitor = 2\ngateway = 3")
    assert (config.cluster.expect.monitor, config.cluster.expect.gateway, config.cluster.expect.web) == (2, 3, 0)


def test_a_bus_beyond_this_machine_in_the_clear_is_worth_a_word():
    clear = parse_config('[cluster]\nbus = ["nats://10.0.0.5:4222"]\nuser = "a"\npassword_env = "P"')
    assert clear.warnings == (
        "cluster.bus: nats://10.0.0.5:4222 sends the way in and everything said unencrypted; tls:// does not",
    )
    assert parse_config('[cluster]\nbus = ["nats://127.0.0.1:4222", "tls://10.0.0.5:4222"]').warnings == ()


def test_a_password_file_that_others_can_read_is_worth_a_word(tmp_path):
    file = tmp_path / "bus.password"
    file.write_text("x")
    file.chmod(0o644)
    warnings = parse_config(f'[cluster]\nuser = "a"\npassword_file = "{file}"').warnings
    assert [w for w in warnings if "chmod 600" in w]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[cluster]\nbus = ["http://h:1"]', "does not begin with nats:// or tls://"),
        ('[cluster]\nbus = ["nats://h:99999"]', "is not an address"),
        ('[cluster]\nbus = ["nats://h:4222/path"]', "is more or less than a host and a port"),
        ('[cluster]\nprefix = "a.b"', "1 to 40 letters, digits and `-`"),
        (f'[cluster]\nname = "{"x" * 41}"', "1 to 40 letters, digits and `-`"),
        ('[cluster]\nuser = "a"', "has no `password_env` beside it"),
        ('[cluster]\npassword_env = "P"', "has no `user` beside it"),
        ('[cluster]\nuser = "a"\npassword_env = "P"\ntoken_env = "T"', "stands beside `user`; allowed: one way in"),
        ("[cluster]\ncopies = 6", "from 1 to 5"),
        ("[cluster.expect]\nmonitors = 2", "did you mean monitor?"),
        ('[watchdog]\nurl = "https://a.example/1"\nurl_env = "W"', "stands beside `url`"),
        ("[watchdog]\nevery_s = 1", "from 10 to 86400"),
        ('[watchdog]\ntell = ["ops"]', "no channel is called 'ops'; allowed: none yet"),
        (f'{CHANNEL}[watchdog]\ntell = ["op"]', "did you mean ops?"),
    ],
)
def test_what_is_wrong_is_refused_and_what_is_allowed_is_said(text, says):
    with pytest.raises(ConfigError) as refused:
        parse_config(text)
    assert says in str(refused.value)


def test_a_password_in_the_address_is_refused_and_never_repeated():
    with pytest.raises(ConfigError) as refused:
        parse_config('[cluster]\nbus = ["nats://me:hunter2secret@h:4222"]')
    assert "has credentials in it" in str(refused.value)
    assert "hunter2secret" not in str(refused.value)


@pytest.mark.parametrize("ours", ["cert_file", "key_file"])
def test_half_a_certificate_is_refused(tmp_path, ours):
    file = tmp_path / "x.pem"
    file.write_text("x")
    with pytest.raises(ConfigError, match="allowed: both or neither"):
        parse_config(f'[cluster]\n{ours} = "{file}"')
