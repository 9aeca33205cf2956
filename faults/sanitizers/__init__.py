"""The engine under sanitizers: the builds, the controls, and models for ThreadSanitizer."""
