"""One file per protocol: how it is asked, how its answers are read, how its errors look. Pure: no I/O, no clock.

::

    client ──► requests.read_request ──► Ask ──► keys.choose_key ──► address.address ──► Outgoing ──► upstream
               (paths, coding)      └► Refusal   (law 10)            (bases, splice, bedrock, vertex)

    upstream ──► whole.watch_for ──► Watch ──► whole events ──► client
                 (or trouble.classify)  │
                                        ├ sse ── anthropic (bedrock: eventstream) · openai_chat
                                        │        openai_responses · gemini (array)
                                        └ WholeWatch: an answer that is no stream

    ourselves ──► errors.error_answer · error_event · ping ──► client
"""
