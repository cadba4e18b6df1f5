"""The cluster: one replicated log by ranked consensus, membership, exchange, transports."""
