"""Programs: graphs lowered to linear code with a memory plan, for one target."""
