#!/bin/bash
# One primary and the replicas that follow it, as one would start them by hand.
# SERVER and CLI are the engine's programs, FOLDER is empty, ADDRESSES are those of the nodes, the primary's first.
set -eu
primary=${ADDRESSES%% *}
for address in $ADDRESSES; do
  mkdir -p "$FOLDER/$address"
  cat > "$FOLDER/$address/valkey.conf" <<CONF
bind $address
port 6379
dir $FOLDER/$address
logfile $FOLDER/$address/log
pidfile $FOLDER/$address/pid
daemonize yes
protected-mode no
save ""
maxmemory 384mb
replica-announce-ip $address
bind-source-addr $address
repl-diskless-sync-delay 0
CONF
  $SERVER "$FOLDER/$address/valkey.conf"
done
for address in $ADDRESSES; do
  until [ "$($CLI -h "$address" ping 2>&1)" = PONG ]; do sleep 0.01; done
done
for address in $ADDRESSES; do
  [ "$address" = "$primary" ] || $CLI -h "$address" replicaof "$primary" 6379 > "$FOLDER/$address/said"
done
for address in $ADDRESSES; do
  [ "$address" = "$primary" ] || until $CLI -h "$address" info replication | grep -q master_link_status:up; do sleep 0.01; done
done
