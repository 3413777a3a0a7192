"""The bus over NATS JetStream.

``link`` holds one connection and replaces it when it breaks; ``streams`` makes what is written to and knows what is
ours; ``feed`` reads a stream in order; ``log``, ``table`` and ``shelf`` are the three things on top of them.
"""
