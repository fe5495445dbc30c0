-- min_reader: 1
-- What the nodes of this cluster know each other by, in one row: the certificate
-- of its authority, and the private key of that, sealed with MAEL_CLUSTER_KEY
-- (JSON).
create table if not exists mael_authority (
    id          integer not null primary key,
    certificate text    not null,
    sealed_key  text    not null,
    created_at  integer not null
);
