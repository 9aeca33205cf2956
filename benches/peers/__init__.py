"""The contestants, each written the way its users write it."""
