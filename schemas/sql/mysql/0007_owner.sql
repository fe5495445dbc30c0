-- min_reader: 1
-- Whose a project was when the declaration of its source went, at which of its
-- revisions, who had declared the source, and what the source knew of the file
-- of the project (JSON): it is the source's again if that comes back before
-- anybody has changed the project.
create table if not exists mael_former_owner (
    project  varbinary(191) not null primary key,
    source   varbinary(191) not null,
    origin   varbinary(191) not null,
    revision bigint         not null,
    status   mediumtext     not null
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
