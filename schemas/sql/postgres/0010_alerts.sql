-- min_reader: 1
-- What somebody should look at, from when it began until it healed: one row a
-- kind and subject. body is all of the alert (JSON).
create table if not exists mael_alert (
    alert_key   varchar(191) collate "C" not null primary key,
    kind        varchar(191) collate "C" not null,
    subject     varchar(191) collate "C" not null,
    since       bigint                   not null,
    told        bigint                   not null,
    healed      bigint                   not null,
    cause       text                     not null,
    body        text                     not null
);
