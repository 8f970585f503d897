"""Real SSH servers, one a machine, that never run anything on the host."""
