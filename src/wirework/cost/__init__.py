"""What a circuit costs, in formulas over the names of its axes."""
