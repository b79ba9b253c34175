"""A panel to buy from, for tests, chaos runs and demos: it speaks the protocol over HTTP and can fail in every way.

Its own book is the oracle: whatever our side believes, an order stands here once, twice or not at all.
"""
