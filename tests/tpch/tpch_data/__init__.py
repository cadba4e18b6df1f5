"""A workload after TPC-H: its public schema, a generator of rows of our own, and its 22 queries.

After, because it is no TPC-H result: the words are fewer, comments shorter, and the pseudo-random numbers others than dbgen's. What the
queries look for is there in about the shares that the specification gives (https://www.tpc.org/tpch/, section 4.2.3), so that
every query has work to do and rows to give. The same seed and scale give the same rows everywhere.
"""
