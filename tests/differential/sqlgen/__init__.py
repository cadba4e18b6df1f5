"""Random SQL where SQLite and PostgreSQL mean the same, run in sqlite3 and in exdbsql; both must give the same rows.

`tables` has the tables and their rows, `expressions` the conditions and values, `queries` what is made of them, `changes` the statements that
write, `references` what the answers are held against, `pairs` the databases side by side: that one, and two of ours, one with indexes
and one without, so that the same query takes other access paths. A seed gives the same statements everywhere: ``python -m tests.differential SEED`` runs one again.

Left out, because the two differ by design: division by zero and integers that overflow (NULL or a float there, an error here:
such statements are skipped), text compared with numbers, the order of NULLs where it is not said. With a PostgreSQL server at
hand, EXDBSQL_POSTGRESQL says so, and the same statements are held against it.
"""
