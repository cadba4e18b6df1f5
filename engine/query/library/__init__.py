"""The functions of PostgreSQL's chapter 9, a module for each kind of values: signatures, and where it takes more than an expression, code."""
