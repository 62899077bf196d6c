"""A search: its configuration, its plan, the sampler, the driver and the members that it trains."""
