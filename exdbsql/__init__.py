"""exdbsql: a SQL database for Python programs whose nodes form a cluster of equals."""
