-- min_reader: 1
-- What somebody should look at, from when it began until it healed: one row a
-- kind and subject. body is all of the alert (JSON).
create table if not exists mael_alert (
    alert_key   text    not null primary key,
    kind        text    not null,
    subject     text    not null,
    since       integer not null,
    told        integer not null,
    healed      integer not null,
    cause       text    not null,
    body        text    not null
);
