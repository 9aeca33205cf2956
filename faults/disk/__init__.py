"""What happens where the system gives less than it was asked for."""
