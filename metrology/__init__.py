"""Labels in, numbers with uncertainty out."""
