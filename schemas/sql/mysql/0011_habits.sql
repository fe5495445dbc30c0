-- min_reader: 1
-- When requests come to a component that learns that, as far as whoever placed
-- has seen: body is all of it (JSON).
create table if not exists mael_habit (
    component   varbinary(191) not null primary key,
    written     bigint         not null,
    body        mediumtext     not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
