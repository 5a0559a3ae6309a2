"""Loading Keras without the notes that a backend prints about its own start-up."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def load_keras() -> None:
    """Import Keras and its backend; a failure is an exception, notes on processor features are dropped.

    TensorFlow writes them from C++ before its log level applies, so only the file descriptor can hold them back.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _without_stderr():
        import keras

        # TensorFlow writes once more when it first looks for devices.
        keras.random.uniform((1,), seed=0)


@contextmanager
def _without_stderr() -> Iterator[None]:
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # closed by whoever started the command
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
