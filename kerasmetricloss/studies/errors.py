"""The error of a study: what came, what was expected, how to mend it."""


class StudyError(ValueError):
    """A study cannot start or go on; the message says why and what to do."""


class LossError(StudyError):
    """There is no such loss, or it cannot be written down."""


class StudyStopped(StudyError):
    """Nothing more can be done before the cause is mended, such as a full disk: the other trainings would fail too."""
