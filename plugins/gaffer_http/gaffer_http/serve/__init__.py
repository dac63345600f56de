"""The server: connections, protocols and their limits."""
