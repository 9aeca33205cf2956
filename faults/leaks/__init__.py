"""What a process holds, and operations that may leave something behind."""
