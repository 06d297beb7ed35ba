-- Which nodes live: they share what Telnyx allows the account. Time is that since the boot.
create table nodes (
    node text primary key,
    boot text not null,
    seen integer not null
) without rowid;
