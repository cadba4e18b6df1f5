"""A runner for SQL logic tests: files of statements and queries, with what each of them gives.

The format is SQLite's, described in `about` of the public sqllogictest corpus; any file of it runs::

    statement ok                      the statement succeeds; `statement error`: it fails
    CREATE TABLE t (a integer)

    query IT rowsort label-1          columns (I integer, T text, R with three decimals), order (nosort,
    SELECT a, 'x' FROM t              rowsort, valuesort), and a label that all queries of equal results share
    ----
    1                                 the values, one on a line; or `N values hashing to MD5`
    x

    skipif DATABASE                   before a record; and onlyif DATABASE
    hash-threshold N                  results of more values than N are written as a hash
    halt                              nothing further

`records` reads, `results` formats and compares, `runner` runs over the public API of exdbsql, each statement a transaction of
its own. From a shell: ``python -m tests.sqllogictest FILE...``.
"""
