"""``stillup up``, ``run``, ``doctor``, ``store``, ``alert``: stillup itself, run and looked after."""
