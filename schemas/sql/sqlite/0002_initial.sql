-- min_reader: 1
-- Times are microseconds since 1970 in UTC, 0 for none; spec, body and result
-- are JSON.
create table if not exists mael_cluster (
    id         integer not null primary key,
    cluster_id text    not null,
    created_at integer not null
);
create table if not exists mael_change_counter (
    id     integer not null primary key,
    n      integer not null,
    pruned integer not null
);
insert into mael_change_counter (id, n, pruned)
    select 1, 0, 0 where not exists (select 1 from mael_change_counter where id = 1);
create table if not exists mael_change (
    n       integer not null,
    kind    text    not null,
    object  text    not null,
    deleted integer not null,
    writer  text    not null,
    primary key (n, kind, object)
);
create table if not exists mael_project (
    name            text    not null primary key,
    source          text    not null,
    revision        integer not null,
    source_revision text    not null,
    created_at      integer not null,
    modified_at     integer not null
);
create table if not exists mael_component (
    name            text    not null primary key,
    project         text    not null,
    spec            text    not null,
    row_version     integer not null,
    restart_version integer not null,
    modified_at     integer not null
);
create index if not exists mael_component_project on mael_component (project);
create table if not exists mael_component_gone (
    name        text    not null primary key,
    row_version integer not null,
    removed_at  integer not null
);
create table if not exists mael_event_source (
    name        text    not null primary key,
    project     text    not null,
    spec        text    not null,
    enabled     integer not null,
    row_version integer not null,
    created_at  integer not null,
    modified_at integer not null
);
create index if not exists mael_event_source_project on mael_event_source (project);
create table if not exists mael_claim (
    digest     text    not null primary key,
    kind       text    not null,
    claim_key  text    not null,
    owner      text    not null,
    object     text    not null,
    claimed_at integer not null
);
create table if not exists mael_revision (
    project         text    not null,
    number          integer not null,
    request_id      text    not null,
    applied_at      integer not null,
    actor           text    not null,
    source          text    not null,
    source_revision text    not null,
    summary         text    not null,
    result          text    not null,
    primary key (project, number),
    unique (project, request_id)
);
create table if not exists mael_node (
    id      text    not null primary key,
    epoch   integer not null,
    seen_at integer not null,
    body    text    not null
);
create table if not exists mael_placement (
    id             text    not null primary key,
    component      text    not null,
    slot           integer not null,
    node           text    not null,
    want           text    not null,
    placed_version integer not null,
    memory_mib     integer not null,
    row_version    integer not null,
    created_at     integer not null,
    unique (component, slot)
);
create table if not exists mael_instance (
    placement text    not null primary key,
    node      text    not null,
    epoch     integer not null,
    state     text    not null,
    body      text    not null
);
create index if not exists mael_instance_node on mael_instance (node);
create table if not exists mael_firing (
    firing_key   text    not null,
    ordinal      integer not null,
    due          integer not null,
    event_source text    not null,
    component    text    not null,
    claim        text    not null,
    started_at   integer not null,
    finished_at  integer not null,
    status       integer not null,
    reason       text    not null,
    failure      text    not null,
    primary key (firing_key, ordinal, due)
);
create index if not exists mael_firing_event_source on mael_firing (event_source, due);
create table if not exists mael_token (
    name         text    not null primary key,
    hash         text    not null,
    created_at   integer not null,
    last_used_at integer not null
);
