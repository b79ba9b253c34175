"""The examples of the published docs, for pages outside them: what is shown there is what the tests send."""

import json

from django import template

from api_v2.examples import EXAMPLES, Example
from api_v2.middleware import API_PATH
from api_v2.snippets import curl

register = template.Library()


@register.simple_tag
def api_endpoint(base_url: str) -> str:
    """Return the address that every call goes to."""
    return base_url + API_PATH


@register.simple_tag
def api_request(slug: str, base_url: str) -> str:
    """Print the request of an example as a command line."""
    return curl(base_url + API_PATH, _find(slug).request)


@register.simple_tag
def api_answer(slug: str) -> str:
    """Print the answer to an example; of a list, its first entry."""
    answer = _find(slug).answer
    return json.dumps(answer[:1] if isinstance(answer, list) else answer, ensure_ascii=False, indent=2)


def _find(slug: str) -> Example:
    return next(example for example in EXAMPLES if example.slug == slug)
