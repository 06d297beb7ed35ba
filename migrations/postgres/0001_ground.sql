-- Times named *_at are milliseconds since 1970, UTC, by the clock of the node that decided; times of type timestamptz
-- are the database's own and are never compared with any other clock.

create table calls (
    id uuid primary key,
    phase text not null,
    version bigint not null,
    wake_at bigint,
    look_at bigint,
    began_at bigint not null,
    party_from text not null,
    party_to text not null,
    route text,
    rules text not null,
    state text not null
) with (fillfactor = 70);
-- When the alarm looks at a call: never after wake_at, and null where that is. Most events put the deadline off; this
-- stays where it is until its time comes, so that most events are written without touching any index.
create index calls_look_at on calls (look_at) where look_at is not null;
create index calls_began_at on calls (began_at);

-- The call record: one row per leg, written as it ends.
create table legs (
    call uuid not null,
    leg bigint not null,
    name text not null,
    target text,
    began_at bigint not null,
    answered_at bigint,
    ended_at bigint not null,
    cause text not null,
    primary key (call, leg)
);

-- What legs are known by, so that any word of theirs finds their call.
create table handles (
    call uuid not null,
    leg bigint not null,
    handle text collate "C",
    leg_id text collate "C",
    session text collate "C",
    primary key (call, leg)
);
create index handles_handle on handles (handle) where handle is not null;
create index handles_leg_id on handles (leg_id) where leg_id is not null;
create index handles_session on handles (session) where session is not null;

create table journal (
    stream text collate "C" not null,
    event text collate "C" not null,
    call uuid not null,
    version bigint not null,
    decided_at bigint not null,
    digest bytea not null,
    what text not null,
    remarks text not null,
    raw bytea not null,
    primary key (stream, event)
);
create unique index journal_call on journal (call, version);

create table outbox (
    call uuid not null,
    id uuid not null,
    seq bigint not null,
    version bigint not null,
    leg bigint not null,
    kind text not null,
    path text not null,
    body bytea not null,
    status text not null,
    code text,
    first_sent_at timestamptz not null,
    lease_until timestamptz not null,
    node uuid not null,
    primary key (call, id)
);
create index outbox_open on outbox (lease_until) where status = 'open';

-- The texts of every version of the rules that a call began with.
create table rules (
    hash text primary key,
    sources text not null,
    kept_at bigint not null
);

-- Bodies that were genuine and could not be used, byte for byte.
create table quarantine (
    digest bytea primary key,
    arrived_at bigint not null,
    why text not null,
    raw bytea not null
);
