"""The package as built: version, names, types and special builds."""
