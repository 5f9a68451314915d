/** What follows from the facts of a machine, in words for `larder doctor`. Pure: the facts are passed in. */
import type { Capability } from './nftables-try.ts'

export interface MachineCheck {
  readonly name: string
  readonly ok: boolean
  readonly found: string
  readonly follows: string
  /** The command, or the step, that mends it; null where nothing needs to be mended. */
  readonly mend: string | null
}

const gigabyte = 1_073_741_824
const kilobyte = 1_024
const maxClients = 65_000
/** Files that an engine keeps for itself. */
const reservedFiles = 32
const engineBacklog = 511
const fewConnections = 65_536
const smallestDisk = gigabyte
const smallestMemory = gigabyte
const oldestKernel = [4, 18] as const

const bytes = (count: number): string =>
  count >= gigabyte ? `${(count / gigabyte).toFixed(1)} GB` : `${Math.round(count / 1_048_576)} MB`

const unreadable = (name: string, source: string): MachineCheck => ({
  name,
  ok: true,
  found: `${source} cannot be read here`,
  follows: 'nothing is known about it; in containers that is usual',
  mend: null,
})

export const nftablesCheck = (capability: Capability, command: readonly string[] | null, uid: number): MachineCheck => {
  const name = 'nftables'
  if (capability.ok) {
    return {
      name,
      ok: true,
      found: 'rules can be made, and connections go through them',
      follows: 'the kernel balances reader endpoints, at about the speed of the engine itself',
      mend: null,
    }
  }
  const grant =
    'setpriv --reuid=$(id -u) --regid=$(id -g) --init-groups --inh-caps=+net_admin --ambient-caps=+net_admin npx larder up'
  return {
    name,
    ok: false,
    found: capability.reason,
    follows:
      'reader endpoints are served by a forwarder, which reaches a quarter to a half of the speed of the engine; all other endpoints are as fast as ever',
    mend:
      command === null
        ? 'apt-get install nftables'
        : uid === 0
          ? 'allow CAP_NET_ADMIN to this container or service'
          : `sudo ${grant}`,
  }
}

/** `reason`: why they cannot be put in force; null where they can. */
export const securityGroupsCheck = (reason: string | null, unenforced: boolean): MachineCheck => {
  const name = 'security groups'
  if (unenforced) {
    return {
      name,
      ok: false,
      found: 'this home takes them without effect (LARDER_SECURITY_GROUPS=unenforced)',
      follows: 'every process of this machine can connect to every group, whatever their rules say',
      mend: reason === null ? 'unset LARDER_SECURITY_GROUPS, and start Larder again' : `${reason}; see nftables above`,
    }
  }
  return reason === null
    ? {
        name,
        ok: true,
        found: 'their rules can be put in force',
        follows: 'only sources that are allowed get a connection',
        mend: null,
      }
    : {
        name,
        ok: false,
        found: reason,
        follows: 'requests that name security groups are refused',
        mend: 'see nftables above; or LARDER_SECURITY_GROUPS=unenforced, to take them without effect',
      }
}

/** `failures`: addresses that were tried in vain, with the error's code. */
export const loopbackCheck = (tried: readonly string[], failures: Readonly<Record<string, string>>): MachineCheck => {
  const failed = Object.entries(failures).map(([address, code]) => `${address} (${code})`)
  return {
    name: 'loopback addresses',
    ok: failed.length === 0,
    found: failed.length === 0 ? `can listen on ${tried.join(', ')}` : `cannot listen on ${failed.join(', ')}`,
    follows:
      failed.length === 0
        ? 'every node gets an address of its own and keeps the standard port'
        : 'nodes cannot be given addresses of their own: no group can be created',
    mend: failed.length === 0 ? null : 'ip link set lo up && ip address replace 127.0.0.1/8 dev lo',
  }
}

/** `limits`: /proc/self/limits. */
export const openFilesCheck = (limits: string | null): MachineCheck => {
  const name = 'open files'
  const [, soft, hard] = /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(limits ?? '') ?? []
  if (soft === undefined || hard === undefined) return unreadable(name, '/proc/self/limits')
  const most = hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
  const wanted = maxClients + reservedFiles
  const ok = most >= wanted
  return {
    name,
    ok,
    found: `a process may open ${soft} files, and may raise that to ${hard}`,
    follows: ok
      ? `a node takes the ${maxClients} clients that maxclients says`
      : `a node takes at most ${most - reservedFiles} clients at once, where AWS takes ${maxClients}`,
    mend: ok
      ? null
      : `echo '* hard nofile ${wanted}' | sudo tee /etc/security/limits.d/larder.conf, then log in again (a service: LimitNOFILE=${wanted})`,
  }
}

export const priorityCheck = (isRaised: boolean): MachineCheck => ({
  name: 'priority',
  ok: isRaised,
  found: isRaised ? 'the service may run before others' : 'the service runs like everybody else',
  follows: isRaised
    ? 'failovers are quick also while all processors are busy'
    : 'while all processors are busy a failover waits for its turn, some 10 to 100 ms more',
  mend: isRaised
    ? null
    : 'echo "$USER - nice -10" | sudo tee /etc/security/limits.d/larder-nice.conf, then log in again (a service: LimitNICE=-10)',
})

export const overcommitCheck = (setting: string | null): MachineCheck => {
  const name = 'memory overcommit'
  if (setting === null) return unreadable(name, 'vm.overcommit_memory')
  const ok = setting.trim() === '1'
  return {
    name,
    ok,
    found: `vm.overcommit_memory is ${setting.trim()}`,
    follows: ok
      ? 'a large node can always fork to save or to feed a replica'
      : 'saving a node or feeding a new replica can fail when a node uses more than half of the free memory',
    mend: ok ? null : 'sudo sysctl -w vm.overcommit_memory=1',
  }
}

export const hugePagesCheck = (setting: string | null): MachineCheck => {
  const name = 'transparent huge pages'
  const chosen = /\[(\w+)\]/.exec(setting ?? '')?.[1]
  if (chosen === undefined) return unreadable(name, '/sys/kernel/mm/transparent_hugepage/enabled')
  const ok = chosen !== 'always'
  return {
    name,
    ok,
    found: `they are set to ${chosen}`,
    follows: ok
      ? 'no delays from them'
      : 'writes are delayed, and take much more memory, while a node saves or feeds a new replica',
    mend: ok ? null : 'echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled',
  }
}

export const backlogCheck = (setting: string | null): MachineCheck => {
  const name = 'connection backlog'
  if (setting === null) return unreadable(name, 'net.core.somaxconn')
  const ok = Number(setting) >= engineBacklog
  return {
    name,
    ok,
    found: `net.core.somaxconn is ${setting.trim()}`,
    follows: ok
      ? 'many clients can connect at the same moment'
      : `when more than ${setting.trim()} clients connect at the same moment some wait for a second`,
    mend: ok ? null : 'sudo sysctl -w net.core.somaxconn=1024',
  }
}

/** `most`: net.netfilter.nf_conntrack_max; null where connections are not tracked. */
export const trackingCheck = (most: string | null, usesNftables: boolean): MachineCheck => {
  const name = 'connection tracking'
  if (most === null || !usesNftables)
    return { name, ok: true, found: 'connections are not tracked for Larder', follows: 'there is no limit from it', mend: null }
  const ok = Number(most) >= fewConnections
  return {
    name,
    ok,
    found: `the kernel tracks at most ${most.trim()} connections`,
    follows: ok
      ? 'there is room for every client'
      : 'more connections than that are dropped without a word while reader endpoints are balanced',
    mend: ok ? null : 'sudo sysctl -w net.netfilter.nf_conntrack_max=262144',
  }
}

export const diskCheck = (home: string, freeBytes: number): MachineCheck => {
  const ok = freeBytes >= smallestDisk
  return {
    name: 'disk',
    ok,
    found: `${bytes(freeBytes)} free at ${home}`,
    follows: ok
      ? 'there is room for the data of nodes and for logs'
      : 'nodes cannot save their data, and a full disk stops every change',
    mend: ok ? null : 'free some space, or name a folder on another disk with LARDER_HOME',
  }
}

export const memoryCheck = (totalBytes: number, availableBytes: number): MachineCheck => {
  const ok = availableBytes >= smallestMemory
  return {
    name: 'memory',
    ok,
    found: `${bytes(availableBytes)} of ${bytes(totalBytes)} available`,
    follows: ok
      ? 'nodes take memory only as data comes in, whatever their node type promises'
      : 'nodes may be ended by the kernel when data comes in',
    mend: ok ? null : 'end other programs, or delete groups that nobody needs',
  }
}

export const kernelCheck = (release: string): MachineCheck => {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10))
  const ok = major > oldestKernel[0] || (major === oldestKernel[0] && minor >= oldestKernel[1])
  return {
    name: 'kernel',
    ok,
    found: `Linux ${release}`,
    follows: ok ? 'everything that Larder needs is there' : 'the runtime and the balancing of readers are not known to work',
    mend: ok ? null : `a kernel of ${oldestKernel.join('.')} or later`,
  }
}

/** Who listens on every address of the machine, from lines of /proc/net/tcp and tcp6. */
export const listenersOnAll = (tables: readonly (string | null)[], ports: readonly number[]): readonly number[] => {
  const found = new Set<number>()
  for (const line of tables.flatMap((table) => (table ?? '').split('\n'))) {
    const [, local = '', , state] = line.trim().split(/\s+/)
    const [address = '', port = ''] = local.split(':')
    if (state === '0A' && /^0+$/.test(address)) found.add(Number.parseInt(port, 16))
  }
  return ports.filter((port) => found.has(port))
}

export const listenersCheck = (taken: readonly number[], ports: readonly number[]): MachineCheck => ({
  name: 'standard ports',
  ok: taken.length === 0,
  found:
    taken.length === 0
      ? `nobody listens on all addresses at ${ports.join(' or ')}`
      : `somebody listens on all addresses at port ${taken.join(' and ')}`,
  follows:
    taken.length === 0
      ? 'groups can use the standard ports'
      : 'that takes the port from every node too: groups with it cannot be created',
  mend:
    taken.length === 0
      ? null
      : `find it with: ss -ltnp 'sport = :${taken[0]}', and let it listen on 127.0.0.1 alone, or ask for another Port`,
})

/** `information`: /proc/meminfo, in kB. */
export const parseMemory = (information: string): { readonly total: number; readonly available: number } => {
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(information)?.[1] ?? 0) * kilobyte
  return { total: field('MemTotal'), available: field('MemAvailable') }
}
