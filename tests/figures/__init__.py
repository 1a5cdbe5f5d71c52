"""The figures of reliability: measured by one command, printed with their targets."""
