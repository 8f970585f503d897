"""What AWS charges for running the control plane; `main` prints the bill."""
