"""From plans to Python source: one function for a statement, readable, and as fast as its comprehensions are.

A stream of rows becomes clauses of a comprehension (``for a in rows_a if a[1] > p0 for b in hash_b.get(a[0], EMPTY)``); what has to be
gathered first (hash tables, groups, subqueries without outer references) becomes lines before it.
"""
