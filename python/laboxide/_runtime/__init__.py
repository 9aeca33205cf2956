"""The bridge between the native engine and an event loop.

- `hub`: one `Hub` per event loop. `hub.run` starts a native operation and suspends the task until
  the operation completes.
- `asyncio`, `trio`: the hubs for these loops; uvloop uses the hub for asyncio.
- `wait_thread`: a thread that waits for completions if the loop cannot watch a file descriptor.
- `process`: settings of the process, and fork detection.
- `feeding`: feeds the chunks of a source to a native writer.
- `chunks`: base class of the streams that storages return.

Only this package depends on the kind of event loop. It has no dependency on storages.
"""
