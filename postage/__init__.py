"""What the bytes mean: money, mailpieces, rates, registers, indicia. Pure Python, no compiler."""
