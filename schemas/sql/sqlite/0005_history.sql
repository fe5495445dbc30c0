-- min_reader: 1
-- What a revision did, why, and the project as it was after it: body is its
-- JSON, in gzip, in base64.
alter table mael_revision add column kind text not null default 'apply';
alter table mael_revision add column reason text not null default '';
alter table mael_revision add column outcome text not null default 'applied';
alter table mael_revision add column took integer not null default 0;
alter table mael_revision add column digest text not null default '';
alter table mael_revision add column commit_info text not null default '';
create table if not exists mael_content (
    project text not null,
    digest  text not null,
    body    text not null,
    primary key (project, digest)
);
create index if not exists mael_claim_owner on mael_claim (owner);
