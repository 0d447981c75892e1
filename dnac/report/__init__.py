"""Pictures and pages; read only."""
