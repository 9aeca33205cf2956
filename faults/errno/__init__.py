"""Every system call of an operation fails, with each errno that it can return (`errnos`)."""
