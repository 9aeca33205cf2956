"""One module for each kind of fault; what it tries is its `DRIVER`."""
