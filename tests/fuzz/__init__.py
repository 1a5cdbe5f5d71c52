"""Fuzz and property tests, FZ1 to FZ12 of docs/faults.md: quick in every run, long by command."""
