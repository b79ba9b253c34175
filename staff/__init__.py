"""Who of the staff may do what, what they did, and what needs a second person."""
