"""Jobs: what is wanted, what runs, and the supervisor that brings both together."""
