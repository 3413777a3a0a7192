"""What the gateway decides: pure, driven by events and times that are handed in.

::

    desk      of all requests: who is asked, from health, limits, priors and budgets
    exchange  of one request: what to do next, by the laws
    fault     the table of what counts as failing
"""
