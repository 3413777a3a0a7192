"""What was put off: commands and requests that wait until a service is well again."""
