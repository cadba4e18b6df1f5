-- Environmental sensors of a few sites: one table kind of each sort.

-- Replicated (the default): every commit reaches a quorum of nodes before it returns.
CREATE TABLE site (
    id integer PRIMARY KEY,
    name varchar(40) NOT NULL UNIQUE,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL
);

CREATE TABLE sensor (
    id integer PRIMARY KEY,
    site_id integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('temperature', 'humidity', 'pressure', 'wind')),
    unit text NOT NULL
);
CREATE INDEX sensor_by_site ON sensor (site_id);

CREATE TABLE reading (
    sensor_id integer NOT NULL,
    taken_at timestamp NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (sensor_id, taken_at)
);

-- DISTRIBUTED: changes stay on the node until SCATTER or GATHER ships them.
CREATE TABLE inspection (
    id integer PRIMARY KEY,
    site_id integer NOT NULL,
    inspector text NOT NULL,
    remark text
) DISTRIBUTED;

-- LOCAL: every node has the table, each with rows of its own.
CREATE TABLE operator_note (
    id integer PRIMARY KEY,
    note text NOT NULL
) LOCAL;
