"""What the parser says of every command and option, and what it insists on."""

import argparse

import pytest

from lora_np.__main__ import main, make_parser

(COMMANDS,) = (
    action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction)
)
SAID = {choice.dest: choice.help for choice in COMMANDS._choices_actions}


@pytest.mark.parametrize("name", COMMANDS.choices)
def test_a_command_and_each_of_its_options_say_what_they_are(name):
    assert SAID[name] and (COMMANDS.choices[name].description or name == "tour")
    for action in COMMANDS.choices[name]._actions:
        assert action.help, action.option_strings
        assert all(option[0] == "-" for option in action.option_strings)


@pytest.mark.parametrize("name", COMMANDS.choices)
def test_a_default_that_is_told_is_there(name):
    assert "default None" not in " ".join(COMMANDS.choices[name].format_help().split())


def test_merging_needs_an_adapter(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["merge", "--out", "x"])
    assert stop.value.code == 2 and "required: --adapter" in capsys.readouterr().err
