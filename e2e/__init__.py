"""The panel as people meet it: Chromium on the real thing (`make e2e`, `make screenshots`)."""
