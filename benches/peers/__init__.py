"""Those that are compared, each the way its users write it."""
