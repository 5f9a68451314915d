/**
 * A machine without a machine, for tests: processes, engines, files and endpoints in memory, behind the same ports as the real ones.
 * Engines do at once what they are told; what a test wants to go wrong it makes go wrong (`kill`, `onAction`).
 * Over 400 lines: one world, whose parts all see the same state.
 */
import type { PersistedData } from '../decide/observed.ts'
import { LarderError } from '../errors.ts'
import type { Endpoint, EngineName, ProcessIdentity, SlotRange } from '../model/group.ts'
import type { Balancer, Discovery, Front } from '../ports/balancer.ts'
import type { Catalog, InstalledEngine } from '../ports/catalog.ts'
import type { ClusterMember, ClusterPlan, EngineAdapter, EngineControl, EngineStatus, NodePlan } from '../ports/engine.ts'
import type { Host, Launch } from '../ports/host.ts'

interface FakeEngine {
  readonly plan: NodePlan
  readonly identity: ProcessIdentity
  readonly tag: string
  alive: boolean
  hung: boolean
  bound: string[]
  follows: Endpoint | null
  /** Keys of the data set: what tests write and look for. */
  data: Set<string>
  offset: number
  parameters: Record<string, string>
  maxMemory: number
  /** Its nodes.conf: outlives the process. */
  readonly myId: string | null
  readonly members: Map<string, ClusterMember>
  closers: Set<() => void>
  discovery: string | null
}

export interface FakeWorld {
  readonly host: Host
  readonly balancer: Balancer
  readonly catalog: Catalog
  adapter(engine: EngineName): EngineAdapter
  readPersisted(folder: string): Promise<PersistedData>
  closeHoles(folder: string): Promise<number>
  /** Living engines by node id. */
  engines(): ReadonlyMap<string, FakeEngine>
  kill(nodeId: string): void
  /** What these nodes have on disk: their data, and whether it loads. */
  leave(nodeId: string, persisted: PersistedData, loads?: boolean | 'with holes closed'): void
  /** Folders to which files were moved aside. */
  readonly aside: readonly string[]
  hang(nodeId: string): void
  /** Its process lives, and is not recognised in so many looks. Result: how many of them are left. */
  misjudge(nodeId: string, looks: number): () => number
  /** Every process ends, as with a reboot of the machine. */
  killAll(): void
  readonly readers: ReadonlyMap<string, readonly Endpoint[]>
  /** By the name of their group. */
  readonly fronts: ReadonlyMap<string, readonly Front[]>
  readonly discoveries: ReadonlyMap<string, Discovery>
  readonly folders: ReadonlySet<string>
  /** A folder is there that no controller has made. */
  leaveFolder(folder: string): void
  /** From where to where folders were moved that nobody knew. */
  readonly asideFolders: ReadonlyMap<string, string>
  setAside(folder: string): Promise<string>
  /** Called with the name of each thing done to the world, before it is done; may throw to make it fail. */
  onAction: (name: string) => void
  /** How many processes were ever started. */
  readonly starts: number
}

const version: Readonly<Record<EngineName, readonly string[]>> = {
  valkey: ['9.1.2', '8.1.1', '8.0.1'],
  redis: ['7.0.15'],
  memcached: ['1.6.18'],
}

const installed: readonly InstalledEngine[] = (Object.keys(version) as EngineName[]).flatMap((engine) =>
  version[engine].map((each) => ({ engine, version: each, source: 'folder' as const, path: '/fake', command: ['fake'] })),
)

const catalog: Catalog = {
  list: () => installed,
  known: () => installed.map(({ engine, version: each }) => ({ engine, version: each, installed: true })),
  find: (engine, wanted) =>
    installed.find((entry) => entry.engine === engine && (entry.version === wanted || entry.version.startsWith(`${wanted}.`))) ??
    null,
}

/** As in docs/decisions/0005-engines.md: a new primary first sees every primary as a replica of a stand-in that has its slots. */
const withStandIns = ({ myId, members, standIns }: ClusterPlan): readonly ClusterMember[] => {
  const mine = members.find((member) => member.id === myId)
  if (standIns !== true || mine === undefined || mine.primaryId !== null) return members
  return members.flatMap((member) => {
    if (member.primaryId !== null || member.slots.length === 0) return [member]
    const standIn = { ...member, id: `0000000000000000${member.id.slice(0, 24)}`, configEpoch: 0 }
    return [standIn, { ...member, primaryId: standIn.id, slots: [], configEpoch: 0 }]
  })
}

/** What an engine says that ends because of its files. */
const damagedLog = 'the file does not load'

export const createFakeWorld = (): FakeWorld => {
  const processes = new Map<number, FakeEngine>()
  const files = new Map<string, string>()
  const folders = new Set<string>()
  const asideFolders = new Map<string, string>()
  const persisted = new Map<string, PersistedData>()
  /** What an orderly end wrote, as long as its file is there. */
  const saved = new Map<string, Set<string>>()
  const clusterFiles = new Map<string, { readonly myId: string; readonly members: Map<string, ClusterMember> }>()
  /** Folders whose data does not load, and what the log says in those whose engine ended of it. */
  const unloadable = new Map<string, string | undefined>()
  const holed = new Set<string>()
  const logs = new Map<string, string>()
  const misjudged = new Map<number, number>()
  const aside: string[] = []
  const readers = new Map<string, readonly Endpoint[]>()
  const fronts = new Map<string, readonly Front[]>()
  const discoveries = new Map<string, Discovery>()
  let nextPid = 1000
  let starts = 0

  const living = (): FakeEngine[] => [...processes.values()].filter((engine) => engine.alive)
  const at = (endpoint: Endpoint | null): FakeEngine | undefined =>
    living().find((engine) => engine.plan.address === endpoint?.address && engine.plan.port === endpoint.port)
  const end = (engine: FakeEngine): void => {
    engine.alive = false
    for (const close of engine.closers) close()
    engine.closers.clear()
  }
  const before = (name: string): void => world.onAction(name)

  const myself = (engine: FakeEngine): ClusterMember | undefined => engine.members.get(engine.myId ?? '')
  const isReplica = (engine: FakeEngine): boolean =>
    engine.plan.kind === 'cme' ? (myself(engine)?.primaryId ?? null) !== null : engine.follows !== null
  const primaryOf = (engine: FakeEngine): FakeEngine | undefined => {
    if (engine.plan.kind !== 'cme') return at(engine.follows)
    const primaryId = myself(engine)?.primaryId
    return living().find((other) => other.myId !== null && other.myId === primaryId)
  }
  const sync = (engine: FakeEngine): void => {
    const primary = primaryOf(engine)
    if (!isReplica(engine) || primary === undefined || isReplica(primary)) return
    engine.data = new Set(primary.data)
    engine.offset = primary.offset
  }
  /** Gossip: everybody who knows the member hears of its new place. */
  const gossip = (member: ClusterMember): void => {
    for (const other of living()) if (other.members.has(member.id)) other.members.set(member.id, member)
  }

  const takeOver = (engine: FakeEngine): void => {
    const mine = myself(engine)
    if (mine === undefined) return
    const old = mine.primaryId === null ? undefined : engine.members.get(mine.primaryId)
    if (old === undefined) return
    const epoch = Math.max(...[...engine.members.values()].map((member) => member.configEpoch)) + 1
    gossip({ ...mine, primaryId: null, slots: old.slots, configEpoch: epoch })
    gossip({ ...old, primaryId: mine.id, slots: [] })
    for (const member of [...engine.members.values()]) if (member.primaryId === old.id) gossip({ ...member, primaryId: mine.id })
  }

  const statusOf = (engine: FakeEngine): EngineStatus => {
    sync(engine)
    const primary = primaryOf(engine)
    const replica = isReplica(engine)
    return {
      pid: engine.identity.pid,
      version: engine.plan.engine.version,
      loading: false,
      usedMemoryBytes: 1_000_000,
      maxMemoryBytes: engine.maxMemory,
      ioThreads: engine.plan.ioThreads,
      persistenceFails: false,
      clients: 1,
      bound: engine.bound,
      replication:
        engine.plan.kind === 'memcached'
          ? null
          : {
              role: replica ? 'replica' : 'primary',
              primary: replica
                ? primary === undefined
                  ? engine.follows
                  : { address: primary.plan.address, port: primary.plan.port }
                : null,
              linkUp: replica && primary !== undefined && !isReplica(primary),
              offset: engine.offset,
              replicationId: 'fake',
              connectedReplicas: living().filter((other) => other !== engine && primaryOf(other) === engine).length,
            },
      cluster:
        engine.plan.kind !== 'cme'
          ? null
          : {
              myId: engine.myId ?? '',
              state: 'ok',
              currentEpoch: Math.max(0, ...[...engine.members.values()].map((member) => member.configEpoch)),
              nodes: [...engine.members.values()].map((member) => ({
                id: member.id,
                address: member.address,
                port: member.port,
                flags: [member.primaryId === null ? 'master' : 'slave'],
                primaryId: member.primaryId,
                linkUp: true,
                slots: member.slots,
                configEpoch: member.configEpoch,
              })),
            },
    }
  }

  const controlOf = (engine: FakeEngine): EngineControl => {
    let close = (): void => {}
    const closed = new Promise<void>((resolve) => {
      close = resolve
    })
    engine.closers.add(close)
    const alive = (name: string): void => {
      before(`${name} ${engine.plan.id}`)
      if (!engine.alive) throw new LarderError('engine-unreachable', `${engine.plan.id} does not run`, { retry: true })
      if (engine.hung) throw new LarderError('deadline', `${engine.plan.id} did not answer`, { retry: true })
    }
    const me = (): ClusterMember => {
      const found = myself(engine)
      if (found === undefined) throw new LarderError('engine-command', `${engine.plan.id} is not in cluster mode`)
      return found
    }
    return {
      closed,
      status: async () => {
        if (!engine.alive || engine.hung)
          throw new LarderError('engine-unreachable', `${engine.plan.id} does not answer`, { retry: true })
        return statusOf(engine)
      },
      ping: async () => alive('ping'),
      applyParameters: async (parameters) => {
        alive('parameters')
        Object.assign(engine.parameters, parameters)
      },
      setMaxMemory: async (bytes) => {
        alive('max-memory')
        engine.maxMemory = bytes
      },
      replicate: async (of) => {
        alive(of === null ? 'promote' : 'replicate')
        engine.follows = of
        sync(engine)
      },
      bind: async (addresses) => {
        alive('bind')
        const taken = living().find((other) => other !== engine && other.bound.some((address) => addresses.includes(address)))
        if (taken !== undefined)
          throw new LarderError('engine-command', `an address is in use by ${taken.plan.id}`, { retry: true })
        engine.bound = [...addresses]
      },
      setAccess: async () => alive('access'),
      setTransit: async () => alive('transit'),
      reloadCertificate: async () => alive('certificate'),
      meet: async (nodes) => {
        alive('meet')
        for (const node of nodes) {
          const other = at(node)
          const theirs = other === undefined ? undefined : myself(other)
          if (other === undefined || theirs === undefined) continue
          for (const one of [engine, other])
            for (const member of [...engine.members.values(), ...other.members.values()])
              if (!one.members.has(member.id)) one.members.set(member.id, member)
        }
      },
      claimSlots: async (ranges: readonly SlotRange[]) => {
        alive('slots')
        gossip({ ...me(), slots: ranges })
      },
      replicateNode: async (nodeId) => {
        alive('replicate')
        gossip({ ...me(), primaryId: nodeId, slots: [] })
        sync(engine)
      },
      standForElection: async () => {
        alive('promote')
        takeOver(engine)
      },
      takeOver: async () => {
        alive('promote')
        takeOver(engine)
      },
      forget: async (nodeId) => {
        alive('forget')
        engine.members.delete(nodeId)
      },
      publishDiscovery: async (text) => {
        alive('publish')
        engine.discovery = text
      },
      shutdown: async ({ save }) => {
        alive('shutdown')
        if (save) {
          persisted.set(engine.plan.folder, { kind: 'rdb', offset: engine.offset, modifiedAt: starts })
          saved.set(engine.plan.folder, engine.data)
        }
        end(engine)
      },
      command: async (args) => {
        alive(args.join(' '))
        if (args[0] === 'CLIENT') return 'OK' // writes are paused, and go on
        if (args.join(' ') !== 'CLUSTER FAILOVER')
          throw new LarderError('engine-command', `expected CLIENT or CLUSTER FAILOVER, found ${args.join(' ')}`)
        takeOver(engine)
        return 'OK'
      },
      close: () => {
        engine.closers.delete(close)
        close()
      },
    }
  }

  const adapter = (name: EngineName): EngineAdapter => ({
    engine: name,
    render: (plan) => ({
      files: { 'node.conf': plan.id },
      launch: {
        command: ['fake', `${plan.folder}/node.conf`],
        environment: { plan: JSON.stringify(plan) },
        cwd: plan.folder,
        logFile: `${plan.folder}/engine.log`,
        tag: `${plan.folder}/`,
      },
    }),
    certificateFiles: () => ({}),
    damageIn: (log) => (log === damagedLog ? { files: ['appendonlydir'], said: log } : null),
    knowsItself: () => true,
    accessFiles: (plan) => (name === 'memcached' ? { tokens: plan.tokens.join(' ') } : null),
    socketsBeside: () => [],
    connect: async (plan) => {
      const engine = living().find((candidate) => candidate.plan.address === plan.address && candidate.plan.port === plan.port)
      if (engine === undefined || engine.hung)
        throw new LarderError('engine-unreachable', `nothing answers at ${plan.address}`, { retry: true })
      return controlOf(engine)
    },
  })

  const startEngine = (launch: Launch): FakeEngine => {
    const plan = JSON.parse(launch.environment['plan'] ?? '{}') as NodePlan
    const clash = living().find((other) => other.plan.address === plan.address && other.plan.port === plan.port)
    if (clash !== undefined) throw new LarderError('engine-start', `${plan.address}:${plan.port} is in use by ${clash.plan.id}`)
    if (plan.cluster !== undefined) {
      const { myId } = plan.cluster
      clusterFiles.set(plan.folder, { myId, members: new Map(withStandIns(plan.cluster).map((member) => [member.id, member])) })
    }
    const file = clusterFiles.get(plan.folder)
    // Gossip: a node that comes back is told at once what the living ones know.
    const told = living().find((other) => file !== undefined && other.myId !== file.myId && other.members.has(file.myId))
    if (plan.cluster === undefined && told !== undefined)
      for (const member of told.members.values()) file?.members.set(member.id, member)
    nextPid += 1
    starts += 1
    const engine: FakeEngine = {
      plan,
      identity: { pid: nextPid, startTime: String(nextPid), bootId: 'fake' },
      tag: launch.tag,
      alive: true,
      hung: false,
      bound: [plan.address, ...plan.floating],
      follows: plan.replicaOf,
      data: new Set(),
      offset: 0,
      parameters: { ...plan.parameters },
      maxMemory: plan.maxMemoryBytes,
      myId: file?.myId ?? null,
      members: file?.members ?? new Map(),
      closers: new Set(),
      discovery: null,
    }
    processes.set(nextPid, engine)
    return engine
  }

  const host: Host = {
    start: async (launch) => {
      before(`start ${launch.tag}`)
      const engine = startEngine(launch)
      const { folder } = engine.plan
      logs.delete(folder)
      if (persisted.has(folder)) engine.data = new Set(saved.get(folder) ?? engine.data)
      if (unloadable.has(folder) && unloadable.get(folder) === persisted.get(folder)?.stamp) {
        logs.set(folder, damagedLog)
        end(engine)
      }
      return engine.identity
    },
    check: async ({ pid }) => {
      if (processes.get(pid)?.alive !== true) return 'gone'
      const looks = misjudged.get(pid) ?? 0
      misjudged.set(pid, looks - 1)
      return looks > 0 ? 'stranger' : 'running'
    },
    findByTag: async (tag) =>
      living()
        .filter((engine) => `${engine.plan.folder}/node.conf`.includes(tag))
        .map((engine) => engine.identity),
    sample: async (identity) =>
      processes.get(identity.pid)?.alive === true
        ? {
            state: processes.get(identity.pid)?.hung === true ? 'T' : 'S',
            runtimeNs: processes.get(identity.pid)?.hung === true ? 0 : performance.now(),
            residentBytes: 0,
          }
        : null,
    runtime: () => null,
    signal: async (identity, _tag, name) => {
      before(`signal ${name}`)
      const engine = processes.get(identity.pid)
      if (engine === undefined || !engine.alive) return false
      if (name === 'SIGSTOP') engine.hung = true
      else if (name === 'SIGCONT') engine.hung = false
      else if (name !== 'SIGHUP') end(engine)
      return true
    },
    waitGone: async () => undefined,
    writeFile: async (path, content) => {
      files.set(path, String(content))
    },
    readFile: async (path) =>
      files.get(path) ?? (clusterFiles.has(path.replace('/nodes.conf', '')) ? 'what it knew when it ended' : null),
    makeFolder: async (path) => {
      folders.add(path)
    },
    removeFile: async (path) => {
      files.delete(path)
      if (path.endsWith('/dump.rdb')) {
        persisted.delete(path.slice(0, -'/dump.rdb'.length))
        saved.delete(path.slice(0, -'/dump.rdb'.length))
      }
    },
    removeFolder: async (path) => {
      before(`remove ${path}`)
      folders.delete(path)
      clusterFiles.delete(path)
      persisted.delete(path)
    },
    listFolder: async (path) => [...folders].filter((folder) => folder.startsWith(path)),
    tail: async (path) => logs.get(path.slice(0, -'/engine.log'.length)) ?? '',
    move: async (from, to) => {
      const folder = from.slice(0, from.lastIndexOf('/'))
      if (!persisted.delete(folder)) return false
      aside.push(to)
      return true
    },
    sizeOf: async () => 0,
    isFree: async (address, port) => at({ address, port }) === undefined,
  }

  const balancer: Balancer = {
    setReader: async (endpoint, backends) => {
      before('readers')
      readers.set(`${endpoint.address}:${endpoint.port}`, backends)
    },
    setDiscovery: async (endpoint, discovery) => {
      before('discovery')
      discoveries.set(`${endpoint.address}:${endpoint.port}`, discovery)
    },
    setFronts: async (group, wanted) => {
      before('fronts')
      fronts.set(group, wanted)
    },
    remove: async (endpoint) => {
      before('remove endpoint')
      readers.delete(`${endpoint.address}:${endpoint.port}`)
      discoveries.delete(`${endpoint.address}:${endpoint.port}`)
    },
    list: async () => [
      ...readers.keys(),
      ...discoveries.keys(),
      ...[...fronts.values()].flat().map(({ endpoint }) => `${endpoint.address}:${endpoint.port}`),
    ],
    clear: async () => {
      readers.clear()
      discoveries.clear()
    },
  }

  const find = (nodeId: string): FakeEngine => {
    const engine = living().find((candidate) => candidate.plan.id === nodeId)
    if (engine === undefined)
      throw new Error(
        `expected a running node ${nodeId}, found ${living()
          .map((each) => each.plan.id)
          .join(', ')}`,
      )
    return engine
  }

  const world: FakeWorld = {
    host,
    balancer,
    catalog,
    adapter,
    readPersisted: async (folder) => persisted.get(folder) ?? { kind: 'none', offset: null, modifiedAt: 0 },
    engines: () => new Map(living().map((engine) => [engine.plan.id, engine])),
    kill: (nodeId) => end(find(nodeId)),
    misjudge: (nodeId, looks) => {
      const { pid } = find(nodeId).identity
      misjudged.set(pid, looks)
      return () => misjudged.get(pid) ?? 0
    },
    closeHoles: async (path) => {
      const folder = path.replace('/appendonlydir', '')
      if (!holed.delete(folder)) return 0
      unloadable.delete(folder)
      return 1
    },
    leave: (nodeId, data, loads = true) => {
      const folder = [...processes.values()].find((engine) => engine.plan.id === nodeId)?.plan.folder ?? ''
      persisted.set(folder, data)
      if (loads === 'with holes closed') holed.add(folder)
      if (loads === true) unloadable.delete(folder)
      else unloadable.set(folder, data.stamp)
    },
    aside,
    hang: (nodeId) => {
      find(nodeId).hung = true
    },
    killAll: () => {
      for (const engine of living()) end(engine)
    },
    readers,
    fronts,
    discoveries,
    folders,
    leaveFolder: (folder) => void folders.add(folder),
    asideFolders,
    setAside: async (folder) => {
      folders.delete(folder)
      asideFolders.set(folder, `/fake/aside/${folder}`)
      return `/fake/aside/${folder}`
    },
    onAction: () => {},
    get starts() {
      return starts
    },
  }
  return world
}
