"""The panel's settings plus the ceilings: bare views on the same server, ahead of everything else."""

from panel.settings import *  # noqa: F403
from panel.settings import MIDDLEWARE as PANEL_MIDDLEWARE

# The API is served by the panel's first middleware; the ceilings come before even that one.
MIDDLEWARE = ["bench.ceilings.ServeCeilingsFirst", *PANEL_MIDDLEWARE]
