"""The sources' wire formats, written the way their owners write them: values in, a reply out, no I/O."""
