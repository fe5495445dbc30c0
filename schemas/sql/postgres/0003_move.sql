-- min_reader: 1
-- A database on its way to a server: the row says whether this is the one
-- that is left or the one that is gone to.
create table if not exists mael_move (
    id       bigint not null primary key,
    move     varchar(191) collate "C" not null,
    state    varchar(191) collate "C" not null,
    driver   varchar(191) collate "C" not null,
    node     varchar(191) collate "C" not null,
    source   text collate "C" not null,
    moved_at bigint not null
);
