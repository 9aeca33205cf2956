"""What is made of the passes: tables, floors and pictures."""
