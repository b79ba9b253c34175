"""What the operator writes for everybody: pages, news, and the texts of mails."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from content.mail_kinds import KINDS

TITLE_MAX_CHARACTERS = 120
BODY_MAX_CHARACTERS = 100_000  # terms of service are a tenth of it
SUBJECT_MAX_CHARACTERS = 120  # with what is put in it, more than any list of mails shows
MAIL_MAX_CHARACTERS = 10_000  # the panel's own have 700
BODY_HELP = "Markdown. Pictures and HTML that could do harm are left out. {site_name} stands for the panel's name."


class Page(models.Model):
    """A text at an address of its own, in one language; where none is saved, `content.defaults` stands in."""

    slug = models.SlugField(
        "address",
        max_length=60,
        help_text="The page is at /pages/ADDRESS/: terms, privacy, refund-policy, help, or new.",
    )
    language = models.CharField(max_length=8, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE)
    title = models.CharField(max_length=TITLE_MAX_CHARACTERS)
    body = models.TextField(max_length=BODY_MAX_CHARACTERS, help_text=BODY_HELP)
    is_published = models.BooleanField(
        "published",
        default=True,
        help_text="Off: a draft that nobody else sees. The panel's own text stays until then.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["slug", "language"]
        constraints = [models.UniqueConstraint(fields=["slug", "language"], name="page_once_per_language")]

    def __str__(self) -> str:
        return f"{self.title} ({self.language})"


class News(models.Model):
    """Something the operator tells all customers."""

    title = models.CharField(max_length=TITLE_MAX_CHARACTERS)
    body = models.TextField(max_length=BODY_MAX_CHARACTERS, help_text=BODY_HELP)
    published_at = models.DateTimeField(
        default=timezone.now, db_default=Now(), help_text="Nobody sees it before. In the future: it appears by itself."
    )
    is_pinned = models.BooleanField("pinned", default=False, help_text="Stays above everything else until unpinned.")

    class Meta:
        verbose_name_plural = "news"
        ordering = ["-is_pinned", "-published_at", "-pk"]
        indexes = [models.Index(fields=["-is_pinned", "-published_at", "-id"], name="news_by_date")]

    def __str__(self) -> str:
        return self.title


class MailText(models.Model):
    """The operator's words of a mail, in one language; where none are saved, `content.defaults` stands in."""

    kind = models.CharField(max_length=40)  # a name of `content.mail_kinds`, which may lose it one day
    language = models.CharField(max_length=8, choices=settings.LANGUAGES)
    subject = models.CharField(
        max_length=SUBJECT_MAX_CHARACTERS, help_text="One line. The panel's name in brackets comes before it."
    )
    body = models.TextField(max_length=MAIL_MAX_CHARACTERS)
    is_used = models.BooleanField(
        "in use", default=True, help_text="Off: a draft. Mails keep the panel's text until then."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["kind", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "language"],
                name="mail_once_per_language",
                violation_error_message="Somebody has saved this mail meanwhile. Open it again from the list.",
            ),
            models.CheckConstraint(condition=~Q(subject="") & ~Q(body=""), name="mail_text_not_empty"),
        ]

    def __str__(self) -> str:
        title = KINDS[self.kind].title if self.kind in KINDS else self.kind
        return f"{title} ({self.get_language_display()})"
