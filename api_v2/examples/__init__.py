"""Every call of the API with its parameters, example requests and their answers.

The published docs page is made of this, and `tests/api_v2/test_examples.py` sends each example to the API and
compares the answer, so the docs cannot drift. What an example's world looks like is in the test, by slug.
"""

from api_v2.examples.calls import CALLS
from api_v2.examples.refusals import REFUSALS
from api_v2.examples.shapes import KEY_PLACEHOLDER, Example, Parameter
from api_v2.examples.types import FIRST_TYPE_SERVICE, TYPE_GUIDES

__all__ = [
    "CALLS",
    "EXAMPLES",
    "FIRST_TYPE_SERVICE",
    "KEY_PLACEHOLDER",
    "REFUSALS",
    "TYPE_GUIDES",
    "Example",
    "Parameter",
]

EXAMPLES: tuple[Example, ...] = (
    *(call.example for call in CALLS),
    *(guide.example for guide in TYPE_GUIDES),
    *(refusal.example for refusal in REFUSALS if refusal.example is not None),
)
