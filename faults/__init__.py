"""What laboxide promises under faults, tried: `make test-faults`, `make test-faults-long`."""
