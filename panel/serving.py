"""Granian with the panel already loaded: `python -m panel.serving`, then granian's own options.

Granian forks its workers. What is loaded before, they share in memory, answer with at once, and come back with at
once after a crash; the rest each would load for itself.
"""

from importlib import import_module

from django.conf import settings
from granian.cli import entrypoint

if __name__ == "__main__":
    import_module("panel.wsgi")
    import_module(settings.ROOT_URLCONF)  # with all views, for which Django waits until the first request
    entrypoint()  # type: ignore[no-untyped-call]
