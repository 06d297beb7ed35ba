-- All that a decided batch changes, as a transaction of its own. Each table's rows come as arrays, one for each column.
--
-- A call that began in this batch has no version before; one that was there is written only over the version it was
-- decided on. If one of them was written by another node meanwhile, a division by zero takes all of it back.
-- A command is written claimed, since this node sends it as soon as this is committed; the transaction's own time is a
-- lower bound on its first byte.
with call as (
    select * from unnest($1::uuid[], $2::int8[], $3::text[], $4::int8[], $5::int8[], $6::int8[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[])
        as i (id, before, phase, version, wake_at, began_at, party_from, party_to, route, rules, state)
), begun as (
    insert into calls (id, phase, version, wake_at, began_at, party_from, party_to, route, rules, state)
    select id, phase, version, wake_at, began_at, party_from, party_to, route, rules, state
    from call where before is null
    on conflict (id) do nothing
    returning 1
), moved as (
    update calls set phase = i.phase, version = i.version, wake_at = i.wake_at, party_from = i.party_from,
        party_to = i.party_to, route = i.route, state = i.state
    from call i where calls.id = i.id and calls.version = i.before
    returning 1
), taken as (
    insert into journal (stream, event, call, version, decided_at, digest, what, remarks, raw)
    select * from unnest($12::text[], $13::text[], $14::uuid[], $15::int8[], $16::int8[], $17::bytea[], $18::text[],
        $19::text[], $20::bytea[])
), wanted as (
    insert into outbox (call, id, seq, version, leg, kind, path, body, status, first_sent_at, lease_until, node)
    select i.*, 'open', now(), now() + $29 * interval '1 millisecond', $30
    from unnest($21::uuid[], $22::uuid[], $23::int8[], $24::int8[], $25::int8[], $26::text[], $27::text[], $28::bytea[])
        as i
), settled as (
    update outbox set status = i.status, code = i.code
    from unnest($31::uuid[], $32::uuid[], $33::text[], $34::text[]) as i (call, id, status, code)
    where outbox.call = i.call and outbox.id = i.id and outbox.status in ('open', 'unknown')
), known as (
    insert into handles (call, leg, handle, leg_id, session)
    select * from unnest($35::uuid[], $36::int8[], $37::text[], $38::text[], $39::text[])
    on conflict (call, leg) do update set handle = excluded.handle, leg_id = excluded.leg_id,
        session = excluded.session
), ended as (
    insert into legs (call, leg, name, target, began_at, answered_at, ended_at, cause)
    select * from unnest($40::uuid[], $41::int8[], $42::text[], $43::text[], $44::int8[], $45::int8[], $46::int8[],
        $47::text[])
    on conflict (call, leg) do nothing
), aside as (
    insert into quarantine (digest, arrived_at, why, raw)
    select * from unnest($48::bytea[], $49::int8[], $50::text[], $51::bytea[])
    on conflict do nothing
)
select 1 / case
    when (select count(*) from begun) + (select count(*) from moved) = cardinality($1::uuid[]) then 1
    else 0
end
