-- min_reader: 1
-- What migrating itself needs. Run before the lease can be held, so every
-- statement must be harmless beside its own twin.
create table if not exists mael_schema (
    id         integer not null primary key,
    version    integer not null,
    min_reader integer not null
);
create table if not exists mael_migration (
    version    integer not null primary key,
    name       text    not null,
    checksum   text    not null,
    applied_at integer not null
);
create table if not exists mael_lease (
    role   text    not null primary key,
    holder text    not null,
    fence  integer not null,
    beat   integer not null
);
