"""How files come out of a form, customers' or staff's."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from support.attachments import ATTACHMENTS_MAX, Upload, check_uploads
from support.errors import AttachmentTooLarge, TooManyAttachments
from support.models import ATTACHMENT_MAX_BYTES


class FilesInput(forms.FileInput):
    """Lets several files be chosen."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[UploadedFile]:
        """Return all files that were chosen."""
        chosen: list[UploadedFile] = files.getlist(name) if hasattr(files, "getlist") else []
        return chosen


def read_uploads(files: Sequence[UploadedFile]) -> list[Upload]:
    """Read files, none before it is known that all of them are small and few.

    :raises TooManyAttachments, AttachmentTooLarge, AttachmentTypeRefused: none of them may be kept.
    """
    if len(files) > ATTACHMENTS_MAX:
        raise TooManyAttachments
    for file in files:
        if (file.size or 0) > ATTACHMENT_MAX_BYTES:
            raise AttachmentTooLarge(file.name or "")
    uploads = [Upload(file.name or "", file.read()) for file in files]
    check_uploads(uploads)
    return uploads
