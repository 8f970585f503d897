"""SSH: the keys of a session, and the probe that tries to log in."""
