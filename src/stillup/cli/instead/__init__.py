"""``stillup alternatives``, ``compare``, ``offline``: what to use instead."""
