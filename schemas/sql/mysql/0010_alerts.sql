-- min_reader: 1
-- What somebody should look at, from when it began until it healed: one row a
-- kind and subject. body is all of the alert (JSON).
create table if not exists mael_alert (
    alert_key   varbinary(191) not null primary key,
    kind        varbinary(191) not null,
    subject     varbinary(191) not null,
    since       bigint         not null,
    told        bigint         not null,
    healed      bigint         not null,
    cause       mediumtext     not null,
    body        mediumtext     not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
