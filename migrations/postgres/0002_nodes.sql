-- Which nodes live: they share what Telnyx allows the account. Time is the database's own.
create table nodes (
    node uuid primary key,
    seen_at timestamptz not null
);
