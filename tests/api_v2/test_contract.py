"""The promise to customers: every example of the published contract, byte for byte.

The requests are what its cURL commands send; the answers are its answers without the white space between
tokens. Nothing here comes from the program: when this file and the program differ, the program is wrong.
"""

import json

import pytest

from api_v2.examples import CALLS
from tests.api_v2.scenes import SCENES
from tests.fixtures import key_of, post_api

pytestmark = pytest.mark.django_db

CONTRACT = {
    "services": (
        "key=YOUR_API_KEY&action=services",
        (
            '[{"service":1042,"name":"Instagram Followers — Real & Active","type":"Default",'
            '"category":"Instagram › Followers","rate":"0.85","min":"50","max":"100000","refill":true,"cancel":true},'
            '{"service":2207,"name":"TikTok Views — High Quality","type":"Default",'
            '"category":"TikTok › Views","rate":"0.05","min":"100","max":"10000000","refill":false,"cancel":true}]'
        ),
    ),
    "add": (
        (
            "key=YOUR_API_KEY&action=add&service=1042&link=https://instagram.com/your_handle&quantity=1000"
            "&runs=5&interval=60"
        ),
        '{"order":1832047}',
    ),
    "status": (
        "key=YOUR_API_KEY&action=status&order=1832047",
        '{"charge":"0.85000","start_count":"12450","status":"In progress","remains":"240","currency":"USD"}',
    ),
    "status-many": (
        "key=YOUR_API_KEY&action=status&orders=1832047,1832048,1832049",
        (
            '{"1832047":{"charge":"0.85000","start_count":"12450","status":"Completed","remains":"0","currency":"USD"},'
            '"1832048":{"error":"Incorrect order ID"},'
            '"1832049":{"charge":"1.44219","start_count":"234","status":"In progress","remains":"10","currency":"USD"}}'
        ),
    ),
    "cancel": (
        "key=YOUR_API_KEY&action=cancel&orders=1832047,1832048",
        '[{"order":1832047,"cancel":1},{"order":1832048,"cancel":{"error":"Order already completed"}}]',
    ),
    "refill": ("key=YOUR_API_KEY&action=refill&order=1832047", '{"refill":"8821"}'),
    "refill-many": (
        "key=YOUR_API_KEY&action=refill&orders=1832047,1832048,1832049",
        (
            '[{"order":1832047,"refill":8821},{"order":1832048,"refill":8822},'
            '{"order":1832049,"refill":{"error":"Order not eligible for refill"}}]'
        ),
    ),
    "refill_status": ("key=YOUR_API_KEY&action=refill_status&refill=8821", '{"status":"Completed"}'),
    "refill_status-many": (
        "key=YOUR_API_KEY&action=refill_status&refills=8821,8822,8823",
        (
            '[{"refill":8821,"status":"Completed"},{"refill":8822,"status":"In progress"},'
            '{"refill":8823,"status":{"error":"Refill not found"}}]'
        ),
    ),
    "balance": ("key=YOUR_API_KEY&action=balance", '{"balance":"247.30418","currency":"USD"}'),
}


@pytest.mark.parametrize("slug", CONTRACT)
def test_answers_byte_for_byte(slug, stage):
    SCENES[slug](stage)
    body, answer = CONTRACT[slug]

    response = post_api(
        body.replace("YOUR_API_KEY", key_of(stage.customer)), content_type="application/x-www-form-urlencoded"
    )

    assert response.content.decode() == answer
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"


def test_published_examples_are_the_contract_s():
    published = {call.example.slug: call.example for call in CALLS}
    assert set(published) == set(CONTRACT)
    for slug, (body, answer) in CONTRACT.items():
        example = published[slug]
        assert "&".join(f"{name}={value}" for name, value in example.request.items()) == body
        assert json.dumps(example.answer, ensure_ascii=False, separators=(",", ":")) == answer
