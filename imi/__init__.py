"""The `imi` command, the simulated world and the mail-picture generator."""
