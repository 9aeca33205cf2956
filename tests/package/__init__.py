"""The package as built: version, names, types, mutants and the build folder."""
