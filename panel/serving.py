"""Granian with the panel already loaded: `python -m panel.serving`, then granian's own options.

Granian forks its workers. What is loaded before, they share in memory, answer with at once, and come back with at
once after a crash; the rest each would load for itself.
"""

import gc
from importlib import import_module

from django.conf import settings
from granian.cli import entrypoint

# A page makes tens of thousands of objects that die with it, without the collector's help. With Python's own 700 it
# went through them again and again, which took a fifth of the page.
COLLECT_AFTER_OBJECTS = 10_000


def spare_the_collector() -> None:
    """Have the garbage collector pass over what is loaded by now, and look at the rest less often.

    What it does not touch, forked processes also go on sharing in memory.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, *gc.get_threshold()[1:])


if __name__ == "__main__":
    import_module("panel.wsgi")
    import_module(settings.ROOT_URLCONF)  # with all views, for which Django waits until the first request
    spare_the_collector()
    entrypoint()  # type: ignore[no-untyped-call]
