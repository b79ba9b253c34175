"""The published examples: each is sent as it stands, and the answer is the one that is printed."""

import json

import pytest

from api_v2.actions import ACTIONS
from api_v2.errors import INTERNAL_ERROR, TEXTS
from api_v2.examples import CALLS, EXAMPLES, KEY_PLACEHOLDER, REFUSALS, TYPE_GUIDES
from catalog.types import TYPE_PARAMETERS, TYPES
from tests.api_v2.scenes import SCENES
from tests.fixtures import key_of, post_api

pytestmark = pytest.mark.django_db


def compact(answer):
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.slug)
def test_answers_as_printed(example, stage):
    SCENES[example.slug](stage)
    key = key_of(stage.customer) if example.key == KEY_PLACEHOLDER else example.key

    response = post_api({**example.request, "key": key})

    assert response.content == compact(example.answer)
    assert response.status_code == 200


def test_slugs_name_one_example_each():
    slugs = [example.slug for example in EXAMPLES]
    assert len(slugs) == len(set(slugs))
    assert set(slugs) == set(SCENES)


def test_every_action_is_documented():
    assert {call.action for call in CALLS} == set(ACTIONS)


def test_every_error_text_is_documented_once():
    assert sorted(refusal.text for refusal in REFUSALS) == sorted({*TEXTS.values(), INTERNAL_ERROR})


def test_every_type_is_documented_with_its_parameters():
    assert [guide.name for guide in TYPE_GUIDES] == list(TYPES)
    for guide in TYPE_GUIDES:
        documented = {parameter.name: parameter.required for parameter in guide.parameters}
        kind = TYPES[guide.name]
        assert {name for name in documented if name in TYPE_PARAMETERS} == {*kind.required, *kind.optional}
        assert all(documented[name] for name in kind.required)
        assert ("quantity" in documented) == (kind.quantity == "quantity")
        assert ("runs" in documented) == kind.dripfeed


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.example.slug)
def test_examples_send_only_what_is_documented(call):
    documented = {parameter.name for parameter in call.parameters}
    assert set(call.example.request) <= documented
    assert {parameter.name for parameter in call.parameters if parameter.required} <= set(call.example.request)
