"""Plain HTTP to machines that others run."""
