"""What gateway replicas tell each other, and what each makes of it: pure, and each works when nobody tells anything.

Every replica says how things stand with it, under keys that are its own, and says it anew when that changes: no message
is a change of another, so none that is lost, late or told twice does harm, and the order is of no matter.
"""
