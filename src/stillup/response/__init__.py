"""What to do about a verdict: the playbook and what stands in. Pure."""
