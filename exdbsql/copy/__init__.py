"""COPY: rows of a table or query to text and back, as PostgreSQL's manual defines it.

https://www.postgresql.org/docs/15/sql-copy.html. What lies where:

- :mod:`.statement` and :mod:`.options`: the statement, in its newer and its older spelling.
- :mod:`.records`: a stream of text cut where records end; :mod:`.text_format`, :mod:`.csv_format`: fields of a record.
- :mod:`.columns`: fields to values, a column at a time.
- :mod:`.copy_in`, :mod:`.copy_out`: what a session does; :mod:`.running`: COPY as a statement, with files.
- :mod:`.stream`: what :meth:`exdbsql.cursor.Cursor.copy` gives to a program.

Left out, and refused by name: the binary format, PROGRAM, FREEZE.
"""
