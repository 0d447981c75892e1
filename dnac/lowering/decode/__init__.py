"""A network token by token: what earlier tokens leave for later ones is kept, and not computed again."""
