-- All that a batch is decided on: whose the handles, leg ids and sessions of its events are ($1, $2, $3: one of each for
-- an event); those calls, and the ones that it names itself ($4); and which of its events ($5, $6) were taken before.
--
-- Of an event's names the first that is known is enough: `locate` asks for them in this order.
--
-- Nothing is locked. What another node writes meanwhile is found when the batch is written: such a call has another
-- version then, and such an event is there already.
with named as (
    select known.* from unnest($1::text[], $2::text[], $3::text[]) as k (handle, leg, session)
    cross join lateral (
        (select 0 as what, handle as name, call from handles where handle = k.handle order by call limit 1)
        union all
        (select 1, leg_id, call from handles where leg_id = k.leg order by call limit 1)
        union all
        (select 2, session, call from handles where session = k.session order by call limit 1)
        limit 1
    ) as known
), wanted as (
    select unnest($4::uuid[]) as id
    union select call from named
)
select what, name, call, null::text as state, null::text as event, null::bytea as digest from named
union all
select 3, null, calls.id, calls.state, null, null from wanted join calls on calls.id = wanted.id
union all
select 4, journal.stream, journal.call, null, journal.event, journal.digest
from unnest($5::text[], $6::text[]) as k (stream, event)
join journal on journal.stream = k.stream and journal.event = k.event
order by 1, 3
