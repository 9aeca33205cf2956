"""How native work meets an event loop: completions, wake-ups and chunks of streams.

- `hub`: one `Hub` for each running loop. `hub.run` starts a native operation and suspends the task
  until the operation is completed.
- `asyncio`, `trio`: the hubs of these loops; uvloop is served by the first.
- `wait_thread`: the thread that waits for completions where a loop watches no descriptor.
- `process`: the settings of this process, and how it notices that it was forked.
- `feeding`: chunks of a source on their way to a native writer.
- `chunks`: the base class of streams of chunks that are read.

Only this package knows which event loop runs. Nothing in it knows of storages.
"""
