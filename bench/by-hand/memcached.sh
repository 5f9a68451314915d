#!/bin/bash
# Memcached nodes, as one would start them by hand.
# SERVER is the program, FOLDER is empty, ADDRESSES are those of the nodes, RUN_AS the user.
set -eu
for address in $ADDRESSES; do
  mkdir -p "$FOLDER/$address"
  $SERVER -d -u "$RUN_AS" -l "$address" -p 11211 -U 0 -m 384 -t 2 -P "$FOLDER/$address/pid"
done
for address in $ADDRESSES; do
  until (exec 3<> "/dev/tcp/$address/11211") 2> /dev/null; do sleep 0.01; done
done
