"""The one exception of this room, so that a command can tell a bad scan from a fault of its own."""


class ScanError(ValueError):
    """A scan that cannot be read or used as it is; the message is one line: found, rule, remedy."""
