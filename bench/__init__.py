"""Our figures beside the peers', both in one process on the same input."""
