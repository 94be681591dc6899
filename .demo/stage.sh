# The stage of the demos; each of them sources this file first. It gives them an
# empty directory whose .env names a private local hub, or a copy of $DEMO_ENV to
# play on the hub that this file names. What actors say is shown as it comes, with
# their names, and kept for the checks.
set -euo pipefail
unset "${!IOTHUB_@}" # what .env says is meant
title=demo-$(basename "$0")
cd "$(dirname "$0")/.."
PATH=$PWD/bin:$PATH
root=$PWD
if [ -n "${DEMO_ENV:-}" ]; then settings=$(cd "$(dirname "$DEMO_ENV")" && pwd)/$(basename "$DEMO_ENV"); fi
work=$(mktemp -d)
cd "$work"

# say TEXT: what happens next.
say() { printf '\n# %s\n' "$@"; }

# azure: whether the demo plays on a hub that is not its own.
azure() { [ -n "${DEMO_ENV:-}" ]; }

# private_hub_only WHY: end here on another hub.
private_hub_only() {
  if azure; then
    echo "$title: skipped, for it needs a private hub: $1."
    exit
  fi
}

# hub [FLAG...]: open a private hub, at any port or at $listen, or take that of $DEMO_ENV.
hub() {
  if azure; then
    echo "This plays on the hub of $DEMO_ENV."
    install -m 600 "$settings" .env
    return
  fi
  start hub "is ready" simulated-device hub --listen "${listen:-127.0.0.1:0}" --env-out .env --force "$@"
}

# launch NAME COMMAND...: begin an actor.
launch() {
  local name=$1
  shift
  rm -f "$name.pipe" "$name.log"
  mkfifo "$name.pipe"
  label "$name" <"$name.pipe" &
  echo $! >"$name.reader"
  shown "$name" "$@"
  "$@" </dev/null >"$name.pipe" 2>&1 &
  echo $! >"$name.pid"
}

# start NAME TEXT COMMAND...: begin an actor, and wait until it says TEXT.
start() {
  local name=$1 text=$2
  shift 2
  launch "$name" "$@"
  await "$name" "$text"
}

# run NAME CODE COMMAND...: let an actor play to its end, with that exit code.
run() {
  local name=$1 code=$2
  shift 2
  launch "$name" "$@"
  ends "$name" "$code"
}

# await NAME TEXT [TIMES]: wait until the actor has said TEXT, so many times.
await() {
  for _ in $(seq 600); do
    if [ "$(said "$1" "$2")" -ge "${3:-1}" ]; then return; fi
    kill -0 "$(cat "$1.pid")" 2>/dev/null || break
    sleep 0.05
  done
  expect "$@" # its last words may have come between
}

# expect NAME TEXT [TIMES]: the actor must have said TEXT, so many times at least.
expect() {
  if [ "$(said "$1" "$2")" -ge "${3:-1}" ]; then return; fi
  fail "$1 has not said \"$2\"${3:+ $3 times}"
}

# said NAME TEXT: in how many lines the actor has said TEXT.
said() {
  local lines
  lines=$(grep -cs -- "$2" "$1.log") || true
  echo "${lines:-0}"
}

# ends NAME [CODE]: wait for the actor's end, with that exit code (0).
ends() {
  local code=0 pid
  pid=$(cat "$1.pid")
  for _ in $(seq 1200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
  kill -0 "$pid" 2>/dev/null && fail "$1 does not end"
  wait "$pid" 2>/dev/null || code=$? # the shell would tell of a kill
  rm "$1.pid"
  wait "$(cat "$1.reader")"
  [ "$code" = "${2:-0}" ] || fail "$1 ended with exit code $code, not ${2:-0}"
}

# stop NAME [CODE]: end an actor as Ctrl-C does (130).
stop() {
  kill -INT "$(cat "$1.pid")"
  ends "$1" "${2:-130}"
}

# moral TEXT: what the demo has shown.
moral() { printf '\n%s: %s\n' "$title" "$1"; }

fail() {
  echo "$title: $1" >&2
  exit 1
}

# label NAME: show and keep an actor's words.
label() {
  while IFS= read -r line; do
    printf '%s\n' "$line" >&3
    printf '%-7s| %s\n' "$1" "$line"
  done 3>"$1.log"
}

# shown NAME COMMAND...: the command as one would type it.
shown() {
  local line=$1 word
  printf -v line '%-7s$' "$1"
  shift
  for word; do
    case $word in
    *[!A-Za-z0-9_.:/=,+-]* | '') line+=" '$word'" ;;
    *) line+=" $word" ;;
    esac
  done
  printf '%s\n' "$line"
}

# leave: end all actors that still play, and take the stage away.
leave() {
  local pid
  for pid in *.pid; do
    [ -e "$pid" ] || continue
    kill -INT "$(cat "$pid")" 2>/dev/null || true
    wait "$(cat "$pid")" || true
  done
  cd "$root"
  rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
