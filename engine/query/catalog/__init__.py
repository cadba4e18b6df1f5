"""What tools ask of ``pg_catalog``: numbers of objects, relations made from the dictionary, and functions over them."""
