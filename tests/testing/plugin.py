"""The plugin for pytest, in a pytest that a test starts."""

from importlib.metadata import entry_points

PLUGIN = "netpoll.testing.pytest_plugin"


def plugin_options() -> list[str]:
    """Return the options with which pytest loads the plugin, if it does not by itself."""
    installed = any(each.value == PLUGIN for each in entry_points(group="pytest11"))
    return [] if installed else ["-p", PLUGIN]
