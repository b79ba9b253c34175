"""Bugs planted on purpose: each is a small change of the panel's code that some test must notice.

`python -m tests.mutations` plants them one after the other in a copy of the repository and runs the tests that
should fail. A bug that survives says that a promise is not really tested.
"""
