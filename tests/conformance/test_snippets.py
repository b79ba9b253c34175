"""The programs of the docs page, run as they are printed against a live server."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from api_v2.examples import EXAMPLES, KEY_PLACEHOLDER
from api_v2.snippets import LANGUAGES
from tests.api_v2.scenes import SCENES, Stage
from tests.fixtures import key_of

pytestmark = pytest.mark.django_db(transaction=True)

# One short answer, one whose request needs quoting in every language.
CHOSEN = [example for example in EXAMPLES if example.slug in ("balance", "add-mentions-with-hashtags")]
# Each program prints its answer; these read it from standard input.
COMMANDS = {
    "curl": ["bash"],
    "python": [sys.executable, "-"],
    "php": ["php"],
    "node": ["node", "--input-type=module"],
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("example", CHOSEN, ids=lambda example: example.slug)
def test_prints_the_answer(language, example, url, customer, other_customer, make_service):
    command = COMMANDS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed here")
    SCENES[example.slug](Stage(customer=customer, other_customer=other_customer, make_service=make_service))
    program = LANGUAGES[language][1](url, example.request).replace(KEY_PLACEHOLDER, key_of(customer))

    ended = subprocess.run(
        command,
        input=program,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "NO_COLOR": "1"},
    )

    words = [str(word) for pair in example.answer.items() for word in pair]
    if language == "curl":
        assert json.loads(ended.stdout) == example.answer
    for word in words:
        assert word in ended.stdout
