-- min_reader: 1
-- Which version of a component was the latest to have an instance that was
-- ready, and why the declared one is not rolled out (JSON). kept is the version
-- before until the declared one is proven. What ran before there was a proof
-- counts as proven; a version whose release command has yet to succeed does not.
alter table mael_component add column proven bigint not null default 0;
alter table mael_component add column failure text not null default '';
update mael_component set proven = restart_version where proven = 0 and kept = '';
