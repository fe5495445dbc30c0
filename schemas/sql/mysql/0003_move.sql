-- min_reader: 1
-- A database on its way to a server: the row says whether this is the one
-- that is left or the one that is gone to.
create table if not exists mael_move (
    id       bigint         not null primary key,
    move     varbinary(191) not null,
    state    varbinary(191) not null,
    driver   varbinary(191) not null,
    node     varbinary(191) not null,
    source   mediumtext     not null,
    moved_at bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
