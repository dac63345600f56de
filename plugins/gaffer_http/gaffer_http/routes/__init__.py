"""What can be asked: a module for each noun, and what they have in common."""
