"""The Postal Service's side: is this piece paid, and if not, by how much and why."""
