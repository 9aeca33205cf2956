"""Every system call made to fail, with each errno."""
