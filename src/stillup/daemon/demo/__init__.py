"""The demo: an outage played on this machine, with a page, an alert and two programs."""
