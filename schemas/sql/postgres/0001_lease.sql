-- min_reader: 1
-- What migrating itself needs. Run before the lease can be held, so every
-- statement must be harmless beside its own twin.
create table if not exists mael_schema (
    id         bigint not null primary key,
    version    bigint not null,
    min_reader bigint not null
);
create table if not exists mael_migration (
    version    bigint                   not null primary key,
    name       varchar(191) collate "C" not null,
    checksum   varchar(191) collate "C" not null,
    applied_at bigint                   not null
);
create table if not exists mael_lease (
    role   varchar(191) collate "C" not null primary key,
    holder varchar(191) collate "C" not null,
    fence  bigint                   not null,
    beat   bigint                   not null
);
