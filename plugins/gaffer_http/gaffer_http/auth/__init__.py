"""Access: authentication, authorization, limits and the audit log."""
