"""A whole cluster in one process, from one seed: network, disks, crashes, and what must hold at every step."""
