"""The error of a command that cannot be followed as it was typed."""


class UsageError(ValueError):
    """The command asks for something that does not exist; the message says what does."""
