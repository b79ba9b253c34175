"""Everything that can happen to orders, in one process and in any sequence: PostgreSQL and HTTP are real, time is not.

Hypothesis chooses what happens next; the fake providers' own books say what really happened.
"""
