-- min_reader: 1
-- Whose a project was when the declaration of its source went, at which of its
-- revisions, who had declared the source, and what the source knew of the file
-- of the project (JSON): it is the source's again if that comes back before
-- anybody has changed the project.
create table if not exists mael_former_owner (
    project  text    not null primary key,
    source   text    not null,
    origin   text    not null,
    revision integer not null,
    status   text    not null
);
