"""What of a stranger's catalogue can be sold, and under which name."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import NotImportable
from catalog.terms import COUNT_MAX, clean, read_label, read_terms
from catalog.types import TYPES
from providers.adapter import ProviderService

ENTRY = ProviderService(
    id="17", name="Followers", type="Default", category="Instagram", cost=Decimal("0.5"), min=10, max=1000,
    refill=True, cancel=False, dripfeed=True,
)  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_takes_every_type_that_is_sold_here(name):
    assert read_terms(replace(ENTRY, type=name)).type == name
    assert read_terms(replace(ENTRY, type=name.upper().replace(" ", "_"))).type == name


@pytest.mark.parametrize("name", ["Subscriptions", "Miracle", "", "Default 2", "\0", "<b>"])
def test_refuses_other_types(name):
    with pytest.raises(NotImportable) as refusal:
        read_terms(replace(ENTRY, type=name))

    assert "cannot be sold here" in refusal.value.reason


def test_takes_limits_and_switches_over():
    sold = read_terms(ENTRY)

    assert (sold.cost, sold.min, sold.max) == (Decimal("0.5"), 10, 1000)
    assert (sold.refill, sold.cancel, sold.dripfeed) == (True, False, True)


def test_only_types_with_dripfeed_have_it():
    assert not read_terms(replace(ENTRY, type="Custom Comments")).dripfeed


def test_bends_limits_to_what_can_be_ordered():
    assert (read_terms(replace(ENTRY, min=0)).min, read_terms(replace(ENTRY, max=10**18)).max) == (1, COUNT_MAX)
    package = read_terms(replace(ENTRY, type="Package", min=0, max=0))
    assert (package.min, package.max) == (1, 1)


@pytest.mark.parametrize(
    "wrong",
    [{"min": 0, "max": 0}, {"min": COUNT_MAX + 1, "max": 10**18}, {"cost": Decimal(-1)}, {"cost": Decimal("1e15")}],
)
def test_refuses_what_nobody_could_order(wrong):
    with pytest.raises(NotImportable):
        read_terms(replace(ENTRY, **wrong))


def test_refuses_ids_too_long_for_the_column():
    assert read_terms(replace(ENTRY, id="x" * 50))
    with pytest.raises(NotImportable):
        read_terms(replace(ENTRY, id="x" * 51))


def test_rounds_costs_up():
    assert read_terms(replace(ENTRY, cost=Decimal("0.0000001"))).cost == Decimal("0.00001")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Real\r\n\tFollowers\0 ", "Real Followers"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("🔥 Followers ⭐️ 👨‍👩‍👧", "🔥 Followers ⭐️ 👨‍👩‍👧"),
        ("\x1b[31m\x85\u2028", "[31m"),
    ],
)
def test_makes_one_line_of_names(text, expected):
    assert clean(text, 255) == expected


@given(st.text())
def test_names_fit_their_columns_and_any_database(text):
    cleaned = clean(text, 40)

    assert len(cleaned) <= 40
    assert cleaned == cleaned.strip()
    assert cleaned.isprintable() or not any(char in cleaned for char in "\0\r\n\t\x1b\x7f\x85")
    cleaned.encode()


def test_refuses_what_has_no_name():
    for wrong in ({"name": "\0"}, {"category": "\u202e \n"}):
        with pytest.raises(NotImportable):
            read_label(replace(ENTRY, **wrong))
