"""Schedule to program; torch begins here."""
