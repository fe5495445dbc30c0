-- min_reader: 1
-- Sources, what is known of their projects, what users have told their loops,
-- and what has happened. Secrets have tables and columns that no list of rows
-- is read from. The key of a project status is ProjectStatus.Key: a path may
-- be longer than a key. The id of an event holds the change that it is of.
create table if not exists mael_source (
    name        varbinary(191) not null primary key,
    spec        mediumtext     not null,
    secrets     mediumtext     not null,
    row_version bigint         not null,
    origin      mediumtext     not null,
    created_at  bigint         not null,
    modified_at bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_source_secret (
    source varbinary(191) not null primary key,
    body   mediumtext     not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_source_status (
    source varbinary(191) not null primary key,
    body   mediumtext     not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_project_status (
    status_key varbinary(191) not null primary key,
    source     varbinary(191) not null,
    body       mediumtext     not null,
    index mael_project_status_source (source)
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_control (
    control_key varbinary(191) not null primary key,
    kind        varbinary(191) not null,
    name        varbinary(191) not null,
    body        mediumtext     not null,
    row_version bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_notifier (
    name        varbinary(191) not null primary key,
    spec        mediumtext     not null,
    secret      mediumtext     not null,
    row_version bigint         not null,
    origin      mediumtext     not null,
    created_at  bigint         not null,
    modified_at bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_notifier_state (
    name     varbinary(191) not null primary key,
    event_id bigint         not null,
    failed   bigint         not null,
    failure  mediumtext     not null,
    sent_at  bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_event (
    id          bigint         not null primary key,
    happened_at bigint         not null,
    kind        varbinary(191) not null,
    severity    varbinary(191) not null,
    source      mediumtext     not null,
    project     mediumtext     not null,
    component   mediumtext     not null,
    node        mediumtext     not null,
    revision    mediumtext     not null,
    actor       mediumtext     not null,
    message     mediumtext     not null,
    details     mediumtext     not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_delivery (
    digest      varbinary(191) not null primary key,
    source      varbinary(191) not null,
    received_at bigint         not null,
    claim       varbinary(191) not null,
    body        mediumtext     not null,
    index mael_delivery_source (source, received_at)
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
