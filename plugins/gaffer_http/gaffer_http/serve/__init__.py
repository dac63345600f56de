"""Connections: accepted, served, ended, whatever the clients do."""
