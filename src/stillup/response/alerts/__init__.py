"""Alerts: who is told what, and when. Decided here, done elsewhere.

::

    match     what a rule makes of the verdicts on a service
    quiet     hours in which nothing is sent, and when the digest is due
    thread    what one rule has to say of one service now: one message, or none, with its reason
    decide    an event and the state in, the new state and the decisions out
    text      a decision in words
    delivery  what becomes of a message that could not be delivered
"""
