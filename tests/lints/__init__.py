"""The lints of scripts/: words and layers."""
