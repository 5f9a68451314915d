export const helpText = `larder: a self-hosted ElastiCache

  larder up [--port N] [--home DIR] [--demo] [--stop-on-exit]
                            the service in the foreground; engines go on after it ends, unless --stop-on-exit
  larder down               stops every engine of this home; their data is written first
  larder status [--json]    groups, shards and nodes: role, zone, address, process, memory, lag
  larder env                export lines for AWS's own tools:  eval "$(npx larder env)"
  larder aws ...            runs the AWS command line with that environment
  larder connect ID [...]   a command line of the engine on a group, cluster or node
  larder failover ID [SHARD]
                            a planned switch to a replica, step by step
  larder zone [down ZONE | up ZONE]
                            the drill of losing an availability zone: ends everything in it, and lets it come back
  larder allow [ID [SOURCE [PORTS]]]
                            who may connect to a group or cluster; lets in an address, a network or a security group, at ports
                            or services (redis, 6379-6400); from the first time on nobody else
  larder revoke ID SOURCE [PORTS]
                            takes that back
  larder ca                 the certificate that clients of groups with TLS have to trust
  larder certs rotate       new certificates for every node that speaks TLS, without a restart
  larder logs NODE [-f] [--all]
                            what an engine said: its last lines, or all that are kept; -f goes on
  larder recover [--yes]    makes a lost or older state anew from its copies, the folders and the running engines: says how, and
                            with --yes does it
  larder doctor             what this machine can do, and how to mend what it cannot
  larder engines [install NAME@VERSION]
                            engine versions: found, and known
  larder version            which Larder this is

Settings: LARDER_HOME (~/.larder), LARDER_PORT (4566), LARDER_ENGINES (~/.cache/larder/engines), LARDER_ENGINE_PATH (folders with
engines of your own), LARDER_MODULES (folder with modules of your own for Valkey and Redis OSS, *.so),
LARDER_AUTH_TOKEN (for connect, where Memcached asks for a token),
LARDER_NFTABLES=off (reader endpoints by a process instead of the kernel; no security groups),
LARDER_VERSIONS=exact (takes only engine versions that are installed, instead of serving AWS's others by the nearest),
LARDER_ALLOWED_HOSTS (names under which /health and /metrics are answered, beside localhost),
LARDER_SECURITY_GROUPS=unenforced (takes security groups without effect, where nftables may not be used),
LARDER_SUBNETS=any (takes subnets that nobody made here, such as those of another emulator),
LARDER_UNSUPPORTED=refuse (an error for settings that have no effect yet, such as snapshots; else they are taken and told).
`
