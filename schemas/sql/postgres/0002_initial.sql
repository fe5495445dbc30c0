-- min_reader: 1
-- Times are microseconds since 1970 in UTC, 0 for none; spec, body and result
-- are JSON.
create table if not exists mael_cluster (
    id         bigint                   not null primary key,
    cluster_id varchar(191) collate "C" not null,
    created_at bigint                   not null
);
create table if not exists mael_change_counter (
    id     bigint not null primary key,
    n      bigint not null,
    pruned bigint not null
);
insert into mael_change_counter (id, n, pruned)
    select 1, 0, 0 where not exists (select 1 from mael_change_counter where id = 1);
create table if not exists mael_change (
    n       bigint                   not null,
    kind    varchar(191) collate "C" not null,
    object  varchar(191) collate "C" not null,
    deleted bigint                   not null,
    writer  varchar(191) collate "C" not null,
    primary key (n, kind, object)
);
create table if not exists mael_project (
    name            varchar(191) collate "C" not null primary key,
    source          text                     not null,
    revision        bigint                   not null,
    source_revision text                     not null,
    created_at      bigint                   not null,
    modified_at     bigint                   not null
);
create table if not exists mael_component (
    name            varchar(191) collate "C" not null primary key,
    project         varchar(191) collate "C" not null,
    spec            text                     not null,
    row_version     bigint                   not null,
    restart_version bigint                   not null,
    modified_at     bigint                   not null
);
create index if not exists mael_component_project on mael_component (project);
create table if not exists mael_component_gone (
    name        varchar(191) collate "C" not null primary key,
    row_version bigint                   not null,
    removed_at  bigint                   not null
);
create table if not exists mael_event_source (
    name        varchar(191) collate "C" not null primary key,
    project     varchar(191) collate "C" not null,
    spec        text                     not null,
    enabled     bigint                   not null,
    row_version bigint                   not null,
    created_at  bigint                   not null,
    modified_at bigint                   not null
);
create index if not exists mael_event_source_project on mael_event_source (project);
create table if not exists mael_claim (
    digest     varchar(191) collate "C" not null primary key,
    kind       varchar(191) collate "C" not null,
    claim_key  text                     not null,
    owner      varchar(191) collate "C" not null,
    object     varchar(191) collate "C" not null,
    claimed_at bigint                   not null
);
create table if not exists mael_revision (
    project         varchar(191) collate "C" not null,
    number          bigint                   not null,
    request_id      varchar(191) collate "C" not null,
    applied_at      bigint                   not null,
    actor           text                     not null,
    source          text                     not null,
    source_revision text                     not null,
    summary         text                     not null,
    result          text                     not null,
    primary key (project, number),
    unique (project, request_id)
);
create table if not exists mael_node (
    id      varchar(191) collate "C" not null primary key,
    epoch   bigint                   not null,
    seen_at bigint                   not null,
    body    text                     not null
);
create table if not exists mael_placement (
    id             varchar(191) collate "C" not null primary key,
    component      varchar(191) collate "C" not null,
    slot           bigint                   not null,
    node           varchar(191) collate "C" not null,
    want           varchar(191) collate "C" not null,
    placed_version bigint                   not null,
    memory_mib     bigint                   not null,
    row_version    bigint                   not null,
    created_at     bigint                   not null,
    unique (component, slot)
);
create table if not exists mael_instance (
    placement varchar(191) collate "C" not null primary key,
    node      varchar(191) collate "C" not null,
    epoch     bigint                   not null,
    state     varchar(191) collate "C" not null,
    body      text                     not null
);
create index if not exists mael_instance_node on mael_instance (node);
create table if not exists mael_firing (
    firing_key   varchar(191) collate "C" not null,
    ordinal      bigint                   not null,
    due          bigint                   not null,
    event_source varchar(191) collate "C" not null,
    component    varchar(191) collate "C" not null,
    claim        varchar(191) collate "C" not null,
    started_at   bigint                   not null,
    finished_at  bigint                   not null,
    status       bigint                   not null,
    reason       varchar(191) collate "C" not null,
    failure      text                     not null,
    primary key (firing_key, ordinal, due)
);
create index if not exists mael_firing_event_source on mael_firing (event_source, due);
create table if not exists mael_token (
    name         varchar(191) collate "C" not null primary key,
    hash         varchar(191) collate "C" not null,
    created_at   bigint                   not null,
    last_used_at bigint                   not null
);
