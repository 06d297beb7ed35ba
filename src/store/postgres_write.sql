-- All that a decided batch changes, as a transaction of its own. Each table's rows come as arrays, one for each column.
--
-- A call that begins in this batch must not be there yet; one that was there is written only over the version it was
-- decided on. If one of them was written by another node meanwhile, a key that is there already or a division by zero
-- takes all of it back.
-- A leg that was taken for ended can turn up and end again: its record is that of the last time.
-- A command is written claimed, since this node sends it as soon as this is committed; the transaction's own time is a
-- lower bound on its first byte.
with begun as (
    insert into calls (id, phase, version, wake_at, began_at, party_from, party_to, route, rules, state, look_at)
    select i.*, i.wake_at
    from unnest($1::uuid[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[]) as i (id, phase, version, wake_at)
), moved as (
    update calls set phase = i.phase, version = i.version, wake_at = i.wake_at,
        look_at = case when i.wake_at is not null then least(look_at, i.wake_at) end,
        party_from = i.party_from, party_to = i.party_to, route = i.route, state = i.state
    from unnest($11::uuid[], $12::int8[], $13::text[], $14::int8[], $15::int8[], $16::text[], $17::text[], $18::text[],
        $19::text[]) as i (id, before, phase, version, wake_at, party_from, party_to, route, state)
    where calls.id = i.id and calls.version = i.before
    returning 1
), taken as (
    insert into journal (stream, event, call, version, decided_at, digest, what, remarks, raw)
    select * from unnest($20::text[], $21::text[], $22::uuid[], $23::int8[], $24::int8[], $25::bytea[], $26::text[],
        $27::text[], $28::bytea[])
), wanted as (
    insert into outbox (call, id, seq, version, leg, kind, path, body, status, first_sent_at, lease_until, node)
    select i.*, 'open', now(), now() + $37 * interval '1 millisecond', $38
    from unnest($29::uuid[], $30::uuid[], $31::int8[], $32::int8[], $33::int8[], $34::text[], $35::text[], $36::bytea[])
        as i
), settled as (
    update outbox set status = i.status, code = i.code
    from unnest($39::uuid[], $40::uuid[], $41::text[], $42::text[]) as i (call, id, status, code)
    where outbox.call = i.call and outbox.id = i.id and outbox.status in ('open', 'unknown')
), known as (
    insert into handles (call, leg, handle, leg_id, session)
    select * from unnest($43::uuid[], $44::int8[], $45::text[], $46::text[], $47::text[])
    on conflict (call, leg) do update set handle = excluded.handle, leg_id = excluded.leg_id,
        session = excluded.session
), ended as (
    insert into legs (call, leg, name, target, began_at, answered_at, ended_at, cause)
    select * from unnest($48::uuid[], $49::int8[], $50::text[], $51::text[], $52::int8[], $53::int8[], $54::int8[],
        $55::text[])
    on conflict (call, leg) do update set answered_at = excluded.answered_at, ended_at = excluded.ended_at,
        cause = excluded.cause
), aside as (
    insert into quarantine (digest, arrived_at, why, raw)
    select * from unnest($56::bytea[], $57::int8[], $58::text[], $59::bytea[])
    on conflict do nothing
)
select 1 / case when (select count(*) from moved) = cardinality($11::uuid[]) then 1 else 0 end
