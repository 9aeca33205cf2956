"""Hostile input and hostile users: forged pointers, odd files, links and permissions."""
