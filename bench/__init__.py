"""The benchmark: `python -m bench` measures the API beside ceilings of the same run, `--help` says how."""
