-- min_reader: 1
-- Sources, what is known of their projects, what users have told their loops,
-- and what has happened. Secrets have tables and columns that no list of rows
-- is read from. The key of a project status is ProjectStatus.Key: a path may
-- be longer than a key. The id of an event holds the change that it is of.
create table if not exists mael_source (
    name        varchar(191) collate "C" not null primary key,
    spec        text                     not null,
    secrets     text                     not null,
    row_version bigint                   not null,
    origin      text                     not null,
    created_at  bigint                   not null,
    modified_at bigint                   not null
);
create table if not exists mael_source_secret (
    source varchar(191) collate "C" not null primary key,
    body   text                     not null
);
create table if not exists mael_source_status (
    source varchar(191) collate "C" not null primary key,
    body   text                     not null
);
create table if not exists mael_project_status (
    status_key varchar(191) collate "C" not null primary key,
    source     varchar(191) collate "C" not null,
    body       text                     not null
);
create index if not exists mael_project_status_source on mael_project_status (source);
create table if not exists mael_control (
    control_key varchar(191) collate "C" not null primary key,
    kind        varchar(191) collate "C" not null,
    name        varchar(191) collate "C" not null,
    body        text                     not null,
    row_version bigint                   not null
);
create table if not exists mael_notifier (
    name        varchar(191) collate "C" not null primary key,
    spec        text                     not null,
    secret      text                     not null,
    row_version bigint                   not null,
    origin      text                     not null,
    created_at  bigint                   not null,
    modified_at bigint                   not null
);
create table if not exists mael_notifier_state (
    name     varchar(191) collate "C" not null primary key,
    event_id bigint                   not null,
    failed   bigint                   not null,
    failure  text                     not null,
    sent_at  bigint                   not null
);
create table if not exists mael_event (
    id          bigint                   not null primary key,
    happened_at bigint                   not null,
    kind        varchar(191) collate "C" not null,
    severity    varchar(191) collate "C" not null,
    source      text                     not null,
    project     text                     not null,
    component   text                     not null,
    node        text                     not null,
    revision    text                     not null,
    actor       text                     not null,
    message     text                     not null,
    details     text                     not null
);
create table if not exists mael_delivery (
    digest      varchar(191) collate "C" not null primary key,
    source      varchar(191) collate "C" not null,
    received_at bigint                   not null,
    claim       varchar(191) collate "C" not null,
    body        text                     not null
);
create index if not exists mael_delivery_source on mael_delivery (source, received_at);
