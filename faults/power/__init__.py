"""What is left on a device when the power is cut, and what happens when it fails."""
