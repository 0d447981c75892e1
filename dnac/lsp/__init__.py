"""What editors ask about a text: faults, meaning, places, completion. Plain functions; `server` alone speaks LSP."""
