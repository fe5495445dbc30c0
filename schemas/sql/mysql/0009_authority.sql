-- min_reader: 1
-- What the nodes of this cluster know each other by, in one row: the certificate
-- of its authority, and the private key of that, sealed with MAEL_CLUSTER_KEY
-- (JSON).
create table if not exists mael_authority (
    id          bigint     not null primary key,
    certificate mediumtext not null,
    sealed_key  mediumtext not null,
    created_at  bigint     not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
