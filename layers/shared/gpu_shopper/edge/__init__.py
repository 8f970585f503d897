"""HTTP and state-machine events in and out, errors to answers, settings, wiring."""
