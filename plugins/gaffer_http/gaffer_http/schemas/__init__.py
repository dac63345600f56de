"""Schemas: the bodies of requests and answers."""
