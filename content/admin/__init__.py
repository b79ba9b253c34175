"""The staff's pages of the texts for everybody."""

from content.admin import mail_texts, pages

__all__ = ["mail_texts", "pages"]
