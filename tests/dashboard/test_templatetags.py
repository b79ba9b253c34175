"""How values look."""

from decimal import Decimal

import pytest

from dashboard.templatetags import panel


@pytest.mark.parametrize(
    ("value", "sentence", "column"),
    [
        ("0", "0.00", '0.00<span class="money-fill">000</span>'),
        ("0.85", "0.85", '0.85<span class="money-fill">000</span>'),
        ("1142.249", "1,142.24900", '1,142.249<span class="money-fill">00</span>'),
        ("0.00001", "0.00001", '0.00001<span class="money-fill"></span>'),
        ("1000000", "1,000,000.00", '1,000,000.00<span class="money-fill">000</span>'),
    ],
)
def test_money(value, sentence, column):
    assert panel.amount(Decimal(value)) == sentence
    assert panel.money(Decimal(value)) == column


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        ("https://example.com/a?b=c", True),
        ("HTTP://example.com", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https:alert(1)", False),
        ("//example.com", False),
        ("example.com", False),
        ("@your_handle", False),
        ("http://[broken", False),
        (" javascript:alert(1)", False),
    ],
)
def test_leads_to_web(text, leads):
    assert panel.leads_to_web(text) is leads


@pytest.mark.parametrize(
    ("value", "text"), [(5, "5 min"), (60, "1 h"), (95, "1 h 35 min"), (1500, "1 d 1 h"), (2880, "2 d")]
)
def test_minutes(value, text):
    assert panel.minutes(value) == text
