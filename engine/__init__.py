"""The engine: MVCC tables, indexes, transactions, write sets, and SQL compiled to Python."""
