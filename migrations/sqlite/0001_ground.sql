-- Times named *_at are milliseconds since 1970, UTC. SQLite has no clock of its own: an outbox row carries the boot it
-- was written in and the time since that boot, and its age is known to the same boot only (first_sent is null later).

create table calls (
    id text primary key,
    phase text not null,
    version integer not null,
    wake_at integer,
    began_at integer not null,
    party_from text not null,
    party_to text not null,
    route text,
    rules text not null,
    state text not null
) without rowid;
create index calls_wake_at on calls (wake_at) where wake_at is not null;
create index calls_began_at on calls (began_at);

-- The call record: one row per leg, written as it ends.
create table legs (
    call text not null,
    leg integer not null,
    name text not null,
    target text,
    began_at integer not null,
    answered_at integer,
    ended_at integer not null,
    cause text not null,
    primary key (call, leg)
) without rowid;

-- What legs are known by, so that any word of theirs finds their call.
create table handles (
    call text not null,
    leg integer not null,
    handle text,
    leg_id text,
    session text,
    primary key (call, leg)
) without rowid;
create index handles_handle on handles (handle) where handle is not null;
create index handles_leg_id on handles (leg_id) where leg_id is not null;
create index handles_session on handles (session) where session is not null;

create table journal (
    stream text not null,
    event text not null,
    call text not null,
    version integer not null,
    decided_at integer not null,
    digest blob not null,
    what text not null,
    remarks text not null,
    raw blob not null,
    primary key (stream, event)
);
create unique index journal_call on journal (call, version);

create table outbox (
    call text not null,
    id text not null,
    seq integer not null,
    version integer not null,
    leg integer not null,
    kind text not null,
    path text not null,
    body blob not null,
    status text not null,
    code text,
    boot text not null,
    first_sent integer,
    lease_until integer not null,
    node text not null,
    primary key (call, id)
);
create index outbox_open on outbox (lease_until) where status = 'open';

-- The texts of every version of the rules that a call began with.
create table rules (
    hash text primary key,
    sources text not null,
    kept_at integer not null
);

-- Bodies that were genuine and could not be used, byte for byte.
create table quarantine (
    digest blob primary key,
    arrived_at integer not null,
    why text not null,
    raw blob not null
);
