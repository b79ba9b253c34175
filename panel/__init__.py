"""The project: settings, entry points and the kernel (money, errors) that every app may import."""

from panel.celery import app as celery_app

__all__ = ["celery_app"]
