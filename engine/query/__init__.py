"""SQL to Python: binder, plan, rules, and the generated functions."""
