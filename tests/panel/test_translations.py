"""Customers read every page in their language; their programs read English."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from tests.fixtures import call_api, funded, place, refused_api

ROOT = Path(settings.BASE_DIR)
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}|</?[a-z][^>]*>")
IGNORED = ["var", "tests", "bench", "chaos", "e2e"]


def catalogue(language, suffix="po"):
    read = polib.pofile if suffix == "po" else polib.mofile
    return read(str(ROOT / "locale" / language / "LC_MESSAGES" / f"django.{suffix}"))


def name_of(entry):
    return entry.msgctxt, entry.msgid, entry.msgid_plural or ""


def texts_of(entry):
    """Pair each translation with the text it translates; the singular is the first plural form."""
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    forms = entry.msgstr_plural
    return [(entry.msgid if form == 0 else entry.msgid_plural, forms[form]) for form in forms]


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_left_untranslated(language):
    entries = catalogue(language)

    assert [entry.msgid for entry in entries if entry.fuzzy or entry.obsolete or not entry.translated()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_tags_and_blanks_at_the_ends_are_kept(language):
    pairs = [pair for entry in catalogue(language) for pair in texts_of(entry)]

    def shape(text):
        return sorted(PLACEHOLDER.findall(text)), text[:1].isspace(), text[-1:].isspace()

    assert [source for source, text in pairs if shape(source) != shape(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language):
    def content(suffix):
        return {name_of(entry): (entry.msgstr, entry.msgstr_plural) for entry in catalogue(language, suffix)}

    assert content("mo") == content("po")


@pytest.mark.skipif(not shutil.which("xgettext"), reason="GNU gettext is not installed")
@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_the_code_is_in_the_catalogue(language, tmp_path):
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("the code is not in a git tree, so which files belong to it is not known")
    for name in filter(None, tracked.stdout.split("\0")):
        source = ROOT / name
        if source.is_file() and source.suffix in {".py", ".html", ".txt", ".po"} and name.split("/")[0] not in IGNORED:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, tmp_path / name)
    # Without settings makemessages takes `locale` of the directory it runs in.
    command = [sys.executable, "-m", "django", "makemessages", "--locale", language, "--no-location", "--no-obsolete"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env={"PATH": os.environ["PATH"]})

    fresh = polib.pofile(str(tmp_path / "locale" / language / "LC_MESSAGES" / "django.po"))
    assert {name_of(entry) for entry in fresh} - {name_of(entry) for entry in catalogue(language)} == set()
    assert {name_of(entry) for entry in catalogue(language)} - {name_of(entry) for entry in fresh} == set()


@pytest.fixture
def spanish(customer):
    customer.language = "es"
    customer.save(update_fields=["language"])
    client = Client()
    client.force_login(customer)
    return client


def test_a_customer_reads_the_overview_in_spanish(spanish, customer, followers):
    funded(customer, "100")
    page = spanish.get(reverse("dashboard:overview")).text

    assert '<html lang="es">' in page
    assert "Nuevo pedido" in page
    assert "Saldo" in page
    assert "New order" not in page


@pytest.mark.django_db(transaction=True)
def test_a_customer_reads_the_orders_in_spanish(spanish, customer, followers):
    funded(customer, "100")
    place(customer, followers)
    page = spanish.get(reverse("dashboard:orders")).text

    assert '<html lang="es">' in page
    assert "ID de pedidos o enlace" in page
    assert "Pendiente" in page
    assert "All statuses" not in page


@pytest.mark.django_db(transaction=True)
def test_the_api_speaks_english_to_a_spanish_customers_programs(spanish, customer, followers):
    funded(customer, "100")
    spanish.get(reverse("dashboard:overview"))
    order = place(customer, followers)

    assert call_api(customer, action="status", order=order)["status"] == "Pending"
    assert refused_api(customer, action="status", order=order + 1) == {"error": "Incorrect order ID"}
