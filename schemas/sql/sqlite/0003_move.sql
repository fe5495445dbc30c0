-- min_reader: 1
-- A database on its way to a server: the row says whether this is the one
-- that is left or the one that is gone to.
create table if not exists mael_move (
    id       integer not null primary key,
    move     text    not null,
    state    text    not null,
    driver   text    not null,
    node     text    not null,
    source   text    not null,
    moved_at integer not null
);
