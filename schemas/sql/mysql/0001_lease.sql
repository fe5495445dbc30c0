-- min_reader: 1
-- What migrating itself needs. Run before the lease can be held, so every
-- statement must be harmless beside its own twin.
create table if not exists mael_schema (
    id         bigint not null primary key,
    version    bigint not null,
    min_reader bigint not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_migration (
    version    bigint         not null primary key,
    name       varbinary(191) not null,
    checksum   varbinary(191) not null,
    applied_at bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_lease (
    role   varbinary(191) not null primary key,
    holder varbinary(191) not null,
    fence  bigint         not null,
    beat   bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
