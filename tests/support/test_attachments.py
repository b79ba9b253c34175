"""Files are what their content says, whatever they are called."""

import pytest
from django.db import IntegrityError, transaction

from support.attachments import ATTACHMENTS_MAX, SUFFIXES, Upload, check_uploads, detect_type, fit_name
from support.errors import AttachmentTooLarge, AttachmentTypeRefused, TooManyAttachments
from support.models import ATTACHMENT_MAX_BYTES, Attachment
from tests.support.tickets import FILES, PNG, attached


@pytest.mark.parametrize("content_type", FILES)
def test_knows_types_by_their_first_bytes(content_type):
    assert detect_type(FILES[content_type]) == content_type


@pytest.mark.parametrize(
    "content",
    [
        b"", b"   \n", b"MZ\x90\x00", b"\x7fELF\x02", b"PK\x03\x04", b"\xff\xfe<\x00s\x00", b"text\x00with nul",
        b"\x1f\x8b\x08", b"RIFF\x0a\x00\x00\x00AVI LIST", b"\x89PNG\n", b"caf\xe9", b"a\x07bell",
    ],
)  # fmt: skip
def test_refuses_everything_else(content):
    assert detect_type(content) is None
    with pytest.raises(AttachmentTypeRefused):
        check_uploads([Upload("picture.png", content)])


@pytest.mark.parametrize(
    ("name", "content_type", "kept"),
    [
        ("shot.png", "image/png", "shot.png"),
        ("SHOT.PNG", "image/png", "SHOT.PNG"),
        ("page.html", "text/plain", "page.html.txt"),
        ("x.svg", "text/plain", "x.svg.txt"),
        ("x.exe", "image/jpeg", "x.exe.jpg"),
        ("server.log", "text/plain", "server.log"),
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("C:\\Users\\me\\a.gif", "image/gif", "a.gif"),
        ('a";\r\nSet-Cookie: x.pdf', "application/pdf", "a____Set-Cookie_ x.pdf"),
        ("photo\u202egpj.exe", "image/jpeg", "photo_gpj.exe.jpg"),
        ("Captura de pantalla (1) ñandú.png", "image/png", "Captura de pantalla (1) ñandú.png"),
        ("", "image/png", "file.png"),
        ("...", "image/png", "file.png"),
        (".png", "image/png", "png.png"),
        ("x" * 300 + ".png", "image/png", "x" * 96 + ".png"),
    ],
)
def test_names_fit_what_files_are(name, content_type, kept):
    assert fit_name(name, content_type) == kept


def test_every_type_has_suffixes():
    assert set(SUFFIXES) == set(Attachment.ContentType)


def test_limits_size_and_number():
    with pytest.raises(AttachmentTooLarge):
        check_uploads([Upload("big.png", PNG + b"\0" * ATTACHMENT_MAX_BYTES)])
    with pytest.raises(TooManyAttachments):
        check_uploads([Upload("a.png", PNG)] * (ATTACHMENTS_MAX + 1))
    assert len(check_uploads([Upload("a.png", PNG)] * ATTACHMENTS_MAX)) == ATTACHMENTS_MAX


def test_the_database_believes_no_size(customer):
    file = attached(customer)

    for size in (file.size + 1, 0):
        with pytest.raises(IntegrityError, match="attachment_size"), transaction.atomic():
            Attachment.objects.filter(pk=file.pk).update(size=size)
