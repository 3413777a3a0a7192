"""The ladder probe: what to climb (plan), the climb itself (rungs), what it means (judge), how to say it (say).

Only ``dial``, ``exchange``, ``rungs`` and ``run`` touch the network; everything else is values in, values out.
"""
