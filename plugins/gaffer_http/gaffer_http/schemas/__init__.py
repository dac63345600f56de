"""Schemas: the bodies of requests and responses, for `/openapi.json`."""
