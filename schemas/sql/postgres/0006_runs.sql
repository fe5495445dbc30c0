-- min_reader: 1
-- Commands that run in containers of their own. Until the release command of a
-- version has succeeded, the version before stands in kept and is what runs.
create table if not exists mael_run (
    id          varchar(191) collate "C" not null primary key,
    run_key     varchar(191) collate "C" not null,
    kind        varchar(191) collate "C" not null,
    component   varchar(191) collate "C" not null,
    version     bigint not null,
    node        varchar(191) collate "C" not null,
    memory_mib  bigint not null,
    state       varchar(191) collate "C" not null,
    reserved_at bigint not null,
    started_at  bigint not null,
    finished_at bigint not null,
    exit_code   bigint not null,
    message     text not null,
    output      text not null,
    unique (run_key)
);
create index if not exists mael_run_component on mael_run (component);
alter table mael_component add column kept text not null default '';
alter table mael_component add column released bigint not null default 0;
alter table mael_firing add column node varchar(191) collate "C" not null default '';
create index if not exists mael_firing_open on mael_firing (node, finished_at);
