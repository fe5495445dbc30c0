-- min_reader: 1
-- Sources, what is known of their projects, what users have told their loops,
-- and what has happened. Secrets have tables and columns that no list of rows
-- is read from. The key of a project status is ProjectStatus.Key: a path may
-- be longer than a key. The id of an event holds the change that it is of.
create table if not exists mael_source (
    name        text    not null primary key,
    spec        text    not null,
    secrets     text    not null,
    row_version integer not null,
    origin      text    not null,
    created_at  integer not null,
    modified_at integer not null
);
create table if not exists mael_source_secret (
    source text not null primary key,
    body   text not null
);
create table if not exists mael_source_status (
    source text not null primary key,
    body   text not null
);
create table if not exists mael_project_status (
    status_key text not null primary key,
    source     text not null,
    body       text not null
);
create index if not exists mael_project_status_source on mael_project_status (source);
create table if not exists mael_control (
    control_key text    not null primary key,
    kind        text    not null,
    name        text    not null,
    body        text    not null,
    row_version integer not null
);
create table if not exists mael_notifier (
    name        text    not null primary key,
    spec        text    not null,
    secret      text    not null,
    row_version integer not null,
    origin      text    not null,
    created_at  integer not null,
    modified_at integer not null
);
create table if not exists mael_notifier_state (
    name     text    not null primary key,
    event_id integer not null,
    failed   integer not null,
    failure  text    not null,
    sent_at  integer not null
);
create table if not exists mael_event (
    id          integer not null primary key,
    happened_at integer not null,
    kind        text    not null,
    severity    text    not null,
    source      text    not null,
    project     text    not null,
    component   text    not null,
    node        text    not null,
    revision    text    not null,
    actor       text    not null,
    message     text    not null,
    details     text    not null
);
create table if not exists mael_delivery (
    digest      text    not null primary key,
    source      text    not null,
    received_at integer not null,
    claim       text    not null,
    body        text    not null
);
create index if not exists mael_delivery_source on mael_delivery (source, received_at);
