"""What modules, routers and their fields are, declared without torch."""
