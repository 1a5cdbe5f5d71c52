"""What speed costs and what it gives: `python -m tests.bench` measures the figures of the design.

Every ratio compares processes that ran in turn in one round (A B C A B C ...), so it means the same on a
noisy machine as on a quiet one. Instruction counts repeat to the permille and are what to gate on.
"""
