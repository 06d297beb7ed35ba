#!/usr/bin/env bash
# Switchhook beside the Node peer (Express, the official SDK, pg), under the same load and on the same PostgreSQL.
#
#   benches/against_node.sh
#
# Needs Rust, Node, curl, PostgreSQL, and the folder with the load generator and the peer in BENCH
# (../shared/bench beside the checkout). Everything that is built or written lies in BENCH_TMP; a folder of your own
# there keeps the builds for the next run. The ports 8080, 9099 and PGPORT_ (55432) of 127.0.0.1 must be free.
#
#   ROUNDS=3       interleaved rounds, closed loop, 64 connections
#   SECS=6         seconds of each of them
#   OPEN_SECS=20   seconds of the open loads: 300 webhooks a second, every 20th delivered twice
#   SIDES="node switchhook"
#   SWITCHHOOK=    a program that is built already; else `cargo build --profile dist`
#   MIN_RATIO=5    how many times the Node peer's rate is asked for
#
# Fails if switchhook loses or doubles a command, answers a webhook with anything but a 2xx, or is not fast enough. Compare rates within
# one run only; CPU per webhook holds on a busy machine too.
set -euo pipefail

house=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BENCH=${BENCH:-$house/../shared/bench}
MIN_RATIO=${MIN_RATIO:-5} ROUNDS=${ROUNDS:-3} SECS=${SECS:-6} OPEN_SECS=${OPEN_SECS:-20} SIDES=${SIDES:-node switchhook}
give_up() { printf 'against_node: %s\n' "$*" >&2; exit 1; }

[ -f "$BENCH/scripts/env.sh" ] || give_up "no load generator in $BENCH: set BENCH to its folder"
for program in cargo node npm curl psql; do
  command -v "$program" >/dev/null || give_up "$program is not installed"
done

ours=''
if [ -z "${BENCH_TMP:-}" ]; then
  BENCH_TMP=$(mktemp -d /tmp/switchhook-bench.XXXXXX)
  ours=yes
fi
mkdir -p "$BENCH_TMP"
BENCH_TMP=$(cd "$BENCH_TMP" && pwd)
export BENCH_TMP

SRV='' postgres=''
clean_up() {
  [ -z "$SRV" ] || stop_server
  [ -z "$postgres" ] || as_pg "$PGBIN/pg_ctl" -D "$PGDATA_" -m fast -w stop >/dev/null
  [ -z "$ours" ] || rm -rf "$BENCH_TMP"
}
stop_server() { kill "$SRV" 2>/dev/null || true; wait "$SRV" 2>/dev/null || true; SRV=''; }
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The generator's folder may be read-only, and cargo writes beside a manifest: it is built from a copy.
house_target=${CARGO_TARGET_DIR:-$house/target}
mkdir -p "$BENCH_TMP/bench"
cp -rp "$BENCH/." "$BENCH_TMP/bench/"
chmod -R u+w "$BENCH_TMP/bench"
export CARGO_TARGET_DIR=$BENCH_TMP/target OUT=$BENCH_TMP/results
PGBIN=${PGBIN:-$(pg_config --bindir 2>/dev/null || printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)}
[ -x "$PGBIN/initdb" ] || give_up "PostgreSQL is not installed (no initdb in $PGBIN)"
. "$BENCH_TMP/bench/scripts/env.sh"

for port in 8080 9099 "$PGPORT_"; do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then give_up "port $port of 127.0.0.1 is taken"; fi
done

echo "== building"
(cd "$BENCH_TMP/bench" && cargo build --release --quiet --bin loadgen)
if [[ " $SIDES " == *" switchhook "* ]] && [ -z "${SWITCHHOOK:-}" ]; then
  (cd "$house" && CARGO_TARGET_DIR=$house_target cargo build --profile dist --quiet --bin switchhook)
  SWITCHHOOK=$house_target/dist/switchhook
fi
if [[ " $SIDES " == *" node "* ]] && [ ! -d "$BENCH_TMP/nodep/node_modules" ]; then
  mkdir -p "$BENCH_TMP/nodep"
  cp "$BENCH/peers/node/package.json" "$BENCH_TMP/nodep/"
  (cd "$BENCH_TMP/nodep" && npm install --silent --no-fund --no-audit)
fi

echo "== PostgreSQL"
rm -rf "$BENCH_TMP/pg"
mkdir -p "$BENCH_TMP/pg"
chmod 755 "$BENCH_TMP"
[ "$(id -u)" != 0 ] || chown postgres "$BENCH_TMP/pg"
as_pg "$PGBIN/initdb" -D "$PGDATA_" -A trust -U postgres >/dev/null
cat "$BENCH_DIR/pg/postgresql.bench.conf" >>"$PGDATA_/postgresql.conf"
as_pg "$PGBIN/pg_ctl" -D "$PGDATA_" -l "$BENCH_TMP/pg/log" -o "-p $PGPORT_ -k $BENCH_TMP/pg" -w start >/dev/null
postgres=yes
psql -q -h 127.0.0.1 -p "$PGPORT_" -U postgres postgres -c 'create database bench'

cat >"$BENCH_TMP/routes.yaml" <<'ROUTES'
version: 1
limits:
  outbound:
    countries: [US]
numbers:
  "*": main
routes:
  main:
    - answer
    - transfer: "+13125550199"
    - hangup
ROUTES

# start_switchhook DATABASE_URL: on 8080; its pid is SRV.
start_switchhook() {
  env TELNYX_API_KEY=KEY_TEST TELNYX_PUBLIC_KEY="$(loadgen --print-key 1)" TELNYX_CONNECTION_ID=1 \
    TELNYX_BASE_URL=http://127.0.0.1:9099/v2 DATABASE_URL="$1" \
    "$SWITCHHOOK" serve --routes "$BENCH_TMP/routes.yaml" --listen 127.0.0.1:8080 --admin-listen off >"$OUT/switchhook.log" 2>&1 &
  SRV=$!
  for _ in $(seq 100); do
    curl -fs -o /dev/null http://127.0.0.1:8080/healthz && return
    kill -0 "$SRV" 2>/dev/null || break
    sleep 0.1
  done
  tail -20 "$OUT/switchhook.log" >&2
  give_up "switchhook did not come up"
}

fresh_database() {
  PGOPTIONS='-c client_min_messages=warning' sql -c 'drop database if exists switchhook with (force)' \
    -c 'create database switchhook' -c checkpoint
}
on_postgres=postgres://postgres@127.0.0.1:$PGPORT_/switchhook
results=$OUT/against_node.jsonl
: >"$results"

# load LABEL DB_PID ARGS...
load() {
  local label=$1 db=$2
  shift 2
  loadgen --spread 64 --server-pid "$SRV" --db-pid "$db" --label "$label" "$@" >>"$results"
  stop_server
}
# A warm-up that is not counted leaves calls behind, which would be hung up within the counted run; their deadlines are
# taken away. More webhooks are signed beforehand than any server here takes in the time.
closed() {
  loadgen --mode open --rate 150 --secs 3 --spread 50 >/dev/null
  [ "$1" != switchhook ] || psql -q "$on_postgres" -c 'update calls set wake_at = null, look_at = null'
  load "$1 closed postgres" "$(pg_pid)" --mode closed --rate "$2" --secs "$SECS" --warmup-secs 0 --conns 64
}
open() { load "$1" "$2" --mode open --rate 300 --secs "$OPEN_SECS" --warmup-secs 3 --redeliver-every 20; }

for round in $(seq "$ROUNDS"); do
  for side in $SIDES; do
    echo "== round $round of $ROUNDS: $side"
    case $side in
    node) reset_db; start_peer node; closed node 5000 ;;
    switchhook) fresh_database; start_switchhook "$on_postgres"; closed switchhook 25000 ;;
    *) give_up "SIDES knows node and switchhook, not $side" ;;
    esac
  done
done
if [[ " $SIDES " == *" switchhook "* ]]; then
  echo "== open load"
  fresh_database
  start_switchhook "$on_postgres"
  open "switchhook open postgres" "$(pg_pid)"
  rm -f "$BENCH_TMP"/switchhook.db*
  start_switchhook "sqlite://$BENCH_TMP/switchhook.db"
  open "switchhook open sqlite" 0
fi

echo "== results"
node - "$results" "$MIN_RATIO" <<'TABLE'
const rows = new Map();
for (const line of require("fs").readFileSync(process.argv[2], "utf8").trim().split("\n")) {
  const run = JSON.parse(line);
  rows.set(run.label, [...(rows.get(run.label) ?? []), run]);
}
const sorted = (runs, of) => runs.map(of).sort((a, b) => a - b);
const median = (runs, of) => { const s = sorted(runs, of); return (s[(s.length - 1) >> 1] + s[s.length >> 1]) / 2; };
const sum = (runs, of) => runs.reduce((all, run) => all + of(run), 0);
const show = (cells) => console.log(cells.map((cell, i) => (i ? String(cell).padStart(13) : String(cell).padEnd(26))).join(""));
show(["load", "acked/s", "min", "max", "p99 ack us", "cpu us/hook", "database", "lost", "doubled", "non2xx", "other"]);
let faults = 0;
for (const [label, runs] of rows) {
  const rates = sorted(runs, (run) => run.acked_per_s);
  const wrong = [(r) => r.commands_lost, (r) => r.commands_duplicated, (r) => r.non2xx].map((of) => sum(runs, of));
  const other = sum(runs, (r) => r.io_errors + r.unanswered);
  show([label, median(runs, (r) => r.acked_per_s).toFixed(0), rates[0].toFixed(0), rates.at(-1).toFixed(0),
    median(runs, (r) => r.ack_from_due.p99_us).toFixed(0), median(runs, (r) => r.cpu_us_per_webhook_server).toFixed(0),
    median(runs, (r) => r.cpu_us_per_webhook_db).toFixed(0), ...wrong, other]);
  const silent = runs.some((run) => run.acked === 0);
  if (label.startsWith("switchhook")) faults += wrong.reduce((a, b) => a + b) + other + (silent ? 1 : 0);
}
const rate = (side) => rows.get(`${side} closed postgres`);
if (rate("node") && rate("switchhook")) {
  const ratio = median(rate("switchhook"), (r) => r.acked_per_s) / median(rate("node"), (r) => r.acked_per_s);
  const least = Number(process.argv[3]);
  console.log(`\nswitchhook / node, closed loop on PostgreSQL: ${ratio.toFixed(1)}`);
  if (ratio < least) {
    console.error(`\nFAILED: ${least} is asked for`);
    process.exitCode = 1;
  }
}
if (faults) console.error("\nFAILED: switchhook lost, doubled or refused something, or did not answer");
if (faults) process.exitCode = 1;
TABLE
