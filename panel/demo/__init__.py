"""Demo data: a believable catalogue, two users and a few orders, for a panel on somebody's own machine."""
