-- min_reader: 1
-- What a revision did, why, and the project as it was after it: body is its
-- JSON, in gzip, in base64.
alter table mael_revision add column kind varchar(191) collate "C" not null default 'apply';
alter table mael_revision add column reason text not null default '';
alter table mael_revision add column outcome varchar(191) collate "C" not null default 'applied';
alter table mael_revision add column took bigint not null default 0;
alter table mael_revision add column digest varchar(191) collate "C" not null default '';
alter table mael_revision add column commit_info text not null default '';
create table if not exists mael_content (
    project varchar(191) collate "C" not null,
    digest  varchar(191) collate "C" not null,
    body    text                     not null,
    primary key (project, digest)
);
create index if not exists mael_claim_owner on mael_claim (owner);
