"""The schema: SQL types, the dictionary, the DDL parser and printer, the codec."""
