-- min_reader: 1
-- When requests come to a component that learns that, as far as whoever placed
-- has seen: body is all of it (JSON).
create table if not exists mael_habit (
    component   text    not null primary key,
    written     integer not null,
    body        text    not null
);
