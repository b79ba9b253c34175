"""Break the panel on purpose: `python -m chaos` serves, loads, kills, heals and checks; `--help` says how."""
