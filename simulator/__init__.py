"""A stand-in for the providers: their wire formats, a generated market, real SSH, and faults."""
