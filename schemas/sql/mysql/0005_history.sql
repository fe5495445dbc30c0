-- min_reader: 1
-- What a revision did, why, and the project as it was after it: body is its
-- JSON, in gzip, in base64.
alter table mael_revision add column kind varbinary(191) not null default 'apply';
alter table mael_revision add column reason mediumtext not null default ('');
alter table mael_revision add column outcome varbinary(191) not null default 'applied';
alter table mael_revision add column took bigint not null default 0;
alter table mael_revision add column digest varbinary(191) not null default '';
alter table mael_revision add column commit_info mediumtext not null default ('');
create table if not exists mael_content (
    project varbinary(191) not null,
    digest  varbinary(191) not null,
    body    mediumtext     not null,
    primary key (project, digest)
) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index mael_claim_owner on mael_claim (owner);
