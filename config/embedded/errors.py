"""What can stop the embedded services, in words for the person at the terminal."""


class EmbeddedError(Exception):
    """The command cannot go on; the text says what to do."""


class StopRequested(Exception):
    """A person pressed Ctrl-C, or the system asked the command to end, while it was still starting."""
