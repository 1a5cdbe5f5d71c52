"""The verbs: two doors for machines, the others for people."""
