-- min_reader: 1
-- Times are microseconds since 1970 in UTC, 0 for none; spec, body and result
-- are JSON.
create table if not exists mael_cluster (
    id         bigint         not null primary key,
    cluster_id varbinary(191) not null,
    created_at bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_change_counter (
    id     bigint not null primary key,
    n      bigint not null,
    pruned bigint not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
insert into mael_change_counter (id, n, pruned)
    select 1, 0, 0 from dual where not exists (select 1 from mael_change_counter where id = 1);
create table if not exists mael_change (
    n       bigint         not null,
    kind    varbinary(191) not null,
    object  varbinary(191) not null,
    deleted bigint         not null,
    writer  varbinary(191) not null,
    primary key (n, kind, object)
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_project (
    name            varbinary(191) not null primary key,
    source          mediumtext     not null,
    revision        bigint         not null,
    source_revision mediumtext     not null,
    created_at      bigint         not null,
    modified_at     bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_component (
    name            varbinary(191) not null primary key,
    project         varbinary(191) not null,
    spec            mediumtext     not null,
    row_version     bigint         not null,
    restart_version bigint         not null,
    modified_at     bigint         not null,
    index mael_component_project (project)
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_component_gone (
    name        varbinary(191) not null primary key,
    row_version bigint         not null,
    removed_at  bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_event_source (
    name        varbinary(191) not null primary key,
    project     varbinary(191) not null,
    spec        mediumtext     not null,
    enabled     bigint         not null,
    row_version bigint         not null,
    created_at  bigint         not null,
    modified_at bigint         not null,
    index mael_event_source_project (project)
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_claim (
    digest     varbinary(191) not null primary key,
    kind       varbinary(191) not null,
    claim_key  mediumtext     not null,
    owner      varbinary(191) not null,
    object     varbinary(191) not null,
    claimed_at bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_revision (
    project         varbinary(191) not null,
    number          bigint         not null,
    request_id      varbinary(191) not null,
    applied_at      bigint         not null,
    actor           mediumtext     not null,
    source          mediumtext     not null,
    source_revision mediumtext     not null,
    summary         mediumtext     not null,
    result          mediumtext     not null,
    primary key (project, number),
    unique (project, request_id)
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_node (
    id      varbinary(191) not null primary key,
    epoch   bigint         not null,
    seen_at bigint         not null,
    body    mediumtext     not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_placement (
    id             varbinary(191) not null primary key,
    component      varbinary(191) not null,
    slot           bigint         not null,
    node           varbinary(191) not null,
    want           varbinary(191) not null,
    placed_version bigint         not null,
    memory_mib     bigint         not null,
    row_version    bigint         not null,
    created_at     bigint         not null,
    unique (component, slot)
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_instance (
    placement varbinary(191) not null primary key,
    node      varbinary(191) not null,
    epoch     bigint         not null,
    state     varbinary(191) not null,
    body      mediumtext     not null,
    index mael_instance_node (node)
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_firing (
    firing_key   varbinary(191) not null,
    ordinal      bigint         not null,
    due          bigint         not null,
    event_source varbinary(191) not null,
    component    varbinary(191) not null,
    claim        varbinary(191) not null,
    started_at   bigint         not null,
    finished_at  bigint         not null,
    status       bigint         not null,
    reason       varbinary(191) not null,
    failure      mediumtext     not null,
    primary key (firing_key, ordinal, due),
    index mael_firing_event_source (event_source, due)
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create table if not exists mael_token (
    name         varbinary(191) not null primary key,
    hash         varbinary(191) not null,
    created_at   bigint         not null,
    last_used_at bigint         not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
