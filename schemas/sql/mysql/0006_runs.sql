-- min_reader: 1
-- Commands that run in containers of their own. Until the release command of a
-- version has succeeded, the version before stands in kept and is what runs.
create table if not exists mael_run (
    id          varbinary(191) not null primary key,
    run_key     varbinary(191) not null,
    kind        varbinary(191) not null,
    component   varbinary(191) not null,
    version     bigint not null,
    node        varbinary(191) not null,
    memory_mib  bigint not null,
    state       varbinary(191) not null,
    reserved_at bigint not null,
    started_at  bigint not null,
    finished_at bigint not null,
    exit_code   bigint not null,
    message     mediumtext not null,
    output      mediumtext not null,
    unique (run_key)
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index mael_run_component on mael_run (component);
alter table mael_component add column kept mediumtext not null default ('');
alter table mael_component add column released bigint not null default 0;
alter table mael_firing add column node varbinary(191) not null default '';
create index mael_firing_open on mael_firing (node, finished_at);
