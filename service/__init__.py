"""What the programs share as programs: SQL engine, plots, pages."""
