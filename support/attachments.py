"""Which files may come with a message: decided by their content, never by their name or what the browser says."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from support.errors import AttachmentTooLarge, AttachmentTypeRefused, TooManyAttachments
from support.models import ATTACHMENT_MAX_BYTES, NAME_MAX_CHARACTERS, Attachment

ATTACHMENTS_MAX = 5  # per message

ContentType = Attachment.ContentType

SUFFIXES = {
    ContentType.PNG: (".png",),
    ContentType.JPEG: (".jpg", ".jpeg"),
    ContentType.WEBP: (".webp",),
    ContentType.GIF: (".gif",),
    ContentType.PDF: (".pdf",),
    ContentType.TEXT: (".txt", ".log", ".csv", ".json"),
}
_MAGIC = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), ContentType.PNG),
    (re.compile(rb"\xff\xd8\xff"), ContentType.JPEG),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), ContentType.WEBP),
    (re.compile(rb"GIF8[79]a"), ContentType.GIF),
    (re.compile(rb"%PDF-"), ContentType.PDF),
)
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")  # tabs, line ends, form feeds and colours of logs are
_IN_NAMES = re.compile(r"[^\w .,()+@=\-]")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class CheckedUpload:
    """A file that may be kept, under a name that fits what it is."""

    name: str
    content_type: str
    content: bytes


def check_uploads(uploads: Sequence[Upload]) -> list[CheckedUpload]:
    """Return the files with their types.

    :raises TooManyAttachments, AttachmentTooLarge, AttachmentTypeRefused: none of them may be kept.
    """
    if len(uploads) > ATTACHMENTS_MAX:
        raise TooManyAttachments
    return [_check(upload) for upload in uploads]


def _check(upload: Upload) -> CheckedUpload:
    if len(upload.content) > ATTACHMENT_MAX_BYTES:
        raise AttachmentTooLarge(upload.name)
    content_type = detect_type(upload.content)
    if content_type is None:
        raise AttachmentTypeRefused(upload.name)
    return CheckedUpload(fit_name(upload.name, content_type), content_type, upload.content)


def detect_type(content: bytes) -> ContentType | None:
    """Return what a file is by its first bytes, or that all of it is text; None for anything else."""
    for magic, content_type in _MAGIC:
        if magic.match(content):
            return content_type
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return ContentType.TEXT if text.strip() and not _NOT_TEXT.search(text) else None


def fit_name(name: str, content_type: ContentType) -> str:
    """Return a name without folders and odd characters, that ends as the content says: `x.html` becomes `x.html.txt`.

    Characters that turn the writing direction would let `gpj.exe` read as `exe.jpg`.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    clean = _IN_NAMES.sub("_", last).strip(" .") or "file"
    suffixes = SUFFIXES[content_type]
    stem, suffix = PurePosixPath(clean).stem, PurePosixPath(clean).suffix
    if suffix.lower() not in suffixes:
        stem, suffix = clean, suffixes[0]
    return stem[: NAME_MAX_CHARACTERS - len(suffix)] + suffix
