-- What a first hour with the shell looks like, on an in-memory database.
CREATE TABLE sites (
    id integer PRIMARY KEY,
    name text NOT NULL UNIQUE,
    height numeric(6,1) DEFAULT 0,
    CHECK (height > -500)
);
CREATE INDEX sites_by_height ON sites (height DESC);
CREATE DISTRIBUTED TABLE notes (id integer PRIMARY KEY, note text);
INSERT INTO sites VALUES (1, 'Ostwald', 12.5), (2, '', NULL);
SELECT * FROM sites ORDER BY id;
\d
\d sites
\d sitse
\set n 1
SELECT name, height FROM sites WHERE id = :n;
\x on
SELECT * FROM sites ORDER BY id;
\x off
SELECT *
FROM sties;
SELECT 1/0;
INSERT INTO sites VALUES (1, 'x', 1);
\errverbose
\quorum
BEGIN; DELETE FROM sites; ROLLBACK;
SELECT count(*) FROM sites;
\conninfo
\pset format json
SELECT * FROM sites ORDER BY id;
\nonsense
