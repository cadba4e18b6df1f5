"""The consensus core: sans-IO, deterministic, driven by hosts."""
