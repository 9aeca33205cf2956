"""FileStorage: layout, objects, transfer, listing, clean-up and pointers."""
