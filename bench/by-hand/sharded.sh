#!/bin/bash
# A cluster of shards with one replica each, as one would start it by hand.
# SERVER and CLI are the engine's programs, FOLDER is empty, ADDRESSES are those of the nodes.
set -eu
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
cluster-enabled yes
cluster-config-file nodes.conf
cluster-node-timeout 5000
cluster-announce-ip $address
CONF
  $SERVER "$FOLDER/$address/valkey.conf"
done
places=
for address in $ADDRESSES; do
  until [ "$($CLI -h "$address" ping 2>&1)" = PONG ]; do sleep 0.01; done
  places="$places $address:6379"
done
# shellcheck disable=SC2086 # CLI and places are lists of words
$CLI --cluster create $places --cluster-replicas 1 --cluster-yes > "$FOLDER/said"
