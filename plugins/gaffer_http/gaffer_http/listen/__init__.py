"""Where the API listens: what is written about it, read and judged, and the sockets made of it."""
