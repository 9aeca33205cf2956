"""FileStorage on a healthy disk.

Layout and routers, reads and deletes of objects, import and export, listings, clean-up and
pointers; plus roots that are missing or closed, files that change during a call, and links in place
of directories. `test_earlier_layouts` reads stores that earlier versions wrote.
"""
