"""Named points between the steps of an operation, where a test can let the process die.

Outside the tests nobody listens, and reaching a point costs one comparison.
"""

from collections.abc import Callable

listener: Callable[[str], None] | None = None


def reached(name: str) -> None:
    """Say that a point was reached; what the listener raises goes through everything, as a kill would."""
    if listener is not None:
        listener(name)
