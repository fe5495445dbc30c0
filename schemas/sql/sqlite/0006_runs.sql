-- min_reader: 1
-- Commands that run in containers of their own. Until the release command of a
-- version has succeeded, the version before stands in kept and is what runs.
create table if not exists mael_run (
    id          text not null primary key,
    run_key     text not null,
    kind        text not null,
    component   text not null,
    version     integer not null,
    node        text not null,
    memory_mib  integer not null,
    state       text not null,
    reserved_at integer not null,
    started_at  integer not null,
    finished_at integer not null,
    exit_code   integer not null,
    message     text not null,
    output      text not null,
    unique (run_key)
);
create index if not exists mael_run_component on mael_run (component);
alter table mael_component add column kept text not null default '';
alter table mael_component add column released integer not null default 0;
alter table mael_firing add column node text not null default '';
create index if not exists mael_firing_open on mael_firing (node, finished_at);
