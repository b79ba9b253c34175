"""What staff do to orders and money, each under one name, whichever door they come through.

`registry.py` says what an operation is and performs it; the other files are the operations, by the app they act on.
"""
