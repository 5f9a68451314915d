/** Control of a running Valkey or Redis OSS node. Every method may be called again with the same arguments. */
import { setTimeout as sleep } from 'node:timers/promises'
import { LarderError } from '../../errors.ts'
import type { SlotRange } from '../../model/group.ts'
import { innerPorts } from '../../model/transit.ts'
import type { ClientAccess } from '../../model/users.ts'
import type { EngineControl, EngineStatus, NodePlan, TransitChange } from '../../ports/engine.ts'
import { accessCommands, controlUser } from './acl.ts'
import { type Connection, openConnection, openWayIn } from './connection.ts'
import { bufferParameters, type Directives, directivesOf, isOptional } from './parameters.ts'
import { hindranceOf, missingSlots, parseCluster, parseInfo, parsePairs, replicationOf } from './parse.ts'
import { controlSocket, tlsWords, transitWords } from './render.ts'
import { type Reply, ReplyError } from './resp.ts'

const commandDeadlineMs = 2_000
/** For what may take the engine longer, and for raw commands. */
const longDeadlineMs = 10_000
const saveDeadlineMs = 60_000
const savePollMs = 20
const electionDeadlineMs = 1_500
const electionPollMs = 5
const busyPollMs = 20
/** In a planned switch writes are paused for four seconds, of which three may be over when it is told whom to follow. */
const followLimitMs = 1_000

/** Ports at which clients may have come in: the last one is the group's own, at which something else may stand now. */
const portNames = ['port', 'tls-port', 'replica-announce-port']

/** Of a pause by clients. One that holds everything holds also the client who would end it. */
const endPause = ['CLIENT', 'UNPAUSE']

/** Of a script of clients, and of a function. They end what has not written yet; else they are refused. */
const endScripts = [
  ['SCRIPT', 'KILL'],
  ['FUNCTION', 'KILL'],
]
const isBusy = (error: unknown): boolean =>
  error instanceof LarderError && error.cause instanceof ReplyError && error.cause.code === 'BUSY'
const endsScripts = (args: readonly string[]): boolean =>
  endScripts.some(([name, sub]) => args[0]?.toUpperCase() === name && args[1]?.toUpperCase() === sub)

const textOf = (reply: Reply): string => (typeof reply === 'string' ? reply : '')

const isRefusal = (error: unknown): error is LarderError => error instanceof LarderError && error.code === 'engine-command'

const unlessRefused = (error: unknown): void => {
  if (!isRefusal(error)) throw error
}

const unsupported = (what: string) => async (): Promise<never> => {
  throw new LarderError('engine-command', `Valkey and Redis OSS have no ${what}`)
}

const controlOver = (connection: Connection, kind: NodePlan['kind']): EngineControl => {
  const send = (args: readonly string[], deadlineMs = commandDeadlineMs): Promise<Reply> => connection.send(args, deadlineMs)
  const done = async (...args: string[]): Promise<void> => {
    await send(args)
  }
  const configuration = async (names: readonly string[], deadlineMs?: number): Promise<ReadonlyMap<string, string>> =>
    parsePairs(await send(['CONFIG', 'GET', ...names], deadlineMs))
  const cluster = async (deadlineMs?: number) => {
    const [nodes, info] = await Promise.all([send(['CLUSTER', 'NODES'], deadlineMs), send(['CLUSTER', 'INFO'], deadlineMs)])
    return parseCluster(textOf(nodes), textOf(info))
  }

  const status = async (deadlineMs = commandDeadlineMs): Promise<EngineStatus> => {
    // While it loads, an engine answers INFO and CONFIG, and refuses CLUSTER.
    const unlessLoading = async (error: unknown): Promise<null> => {
      if (isRefusal(error) && error.retry) return null
      throw error
    }
    const [infoText, bound, view] = await Promise.all([
      send(['INFO', 'server', 'clients', 'memory', 'persistence', 'replication'], deadlineMs),
      configuration(['bind', 'io-threads'], deadlineMs),
      kind === 'cme' ? cluster(deadlineMs).catch(unlessLoading) : null,
    ])
    const info = parseInfo(textOf(infoText))
    const numberOf = (name: string): number => Number(info.get(name) ?? 0)
    return {
      pid: numberOf('process_id'),
      version: info.get('valkey_version') ?? info.get('redis_version') ?? '',
      loading: info.get('loading') === '1',
      usedMemoryBytes: numberOf('used_memory'),
      maxMemoryBytes: numberOf('maxmemory'),
      clients: numberOf('connected_clients'),
      ...(info.has('maxclients') ? { maxClients: numberOf('maxclients') } : {}),
      bound: (bound.get('bind') ?? '').split(' ').filter((address) => address !== ''),
      ioThreads: Number(bound.get('io-threads') ?? 1),
      ...hindranceOf(info),
      persistenceFails: info.get('aof_enabled') === '1' && info.get('aof_last_write_status') === 'err',
      replication: replicationOf(info),
      cluster: view,
    }
  }

  /** A refused action is done all the same where the engine is already as it was to become. */
  const unless = async (isDone: () => Promise<boolean>, action: Promise<unknown>): Promise<void> => {
    try {
      await action
    } catch (error) {
      if (!isRefusal(error) || !(await isDone())) throw error
    }
  }
  const isPrimary = async (): Promise<boolean> => parseInfo(textOf(await send(['INFO', 'replication']))).get('role') === 'master'
  const own = async () => {
    const view = await cluster()
    return view.nodes.find((node) => node.id === view.myId)
  }

  /**
   * What no client may put off: a script that runs is ended, and it is tried again. An engine takes such a command once the script has run for
   * `busy-reply-threshold`; before that it listens to nobody. By the way in no other script begins meanwhile, and who may come in is changed even
   * while a script goes on that has written (`native/larder-control.c`).
   */
  const evenIfBusy = async <Result>(ask: () => Promise<Result>, limitMs = longDeadlineMs): Promise<Result> => {
    const until = performance.now() + limitMs
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        // Scripts that were sent ahead: control insists when it has waited as long as for a single one.
        const isDeaf = connection.isWayIn && error instanceof LarderError && error.code === 'deadline'
        if (!(isBusy(error) || isDeaf) || performance.now() > until) throw error
        if (isDeaf) continue
      }
      const refusals = await Promise.all(endScripts.map((command) => send(command).then(() => null, unlessRefused)))
      // One that has written goes on until it ends itself.
      if (!refusals.includes(null)) await sleep(busyPollMs)
    }
  }

  /** A node that takes over serves, whatever clients did to it while it was a replica. */
  const promote = (by: () => Promise<unknown>): Promise<void> =>
    evenIfBusy(async () => {
      await Promise.all([by(), send(endPause)])
    })

  const setDirectives = async (directives: Directives): Promise<void> => {
    const entries = Object.entries(directives)
    const words = entries.filter(([name]) => !isOptional(name)).flatMap(([name, value]) => [name, value.join(' ')])
    // One CONFIG SET is carried out whole or not at all.
    if (words.length > 0) await send(['CONFIG', 'SET', ...words], longDeadlineMs)
    for (const [name, value] of entries.filter(([each]) => isOptional(each))) {
      try {
        await send(['CONFIG', 'SET', name, value.join(' ')])
      } catch (error) {
        if (!isRefusal(error) || isBusy(error)) throw error
      }
    }
  }

  /**
   * The connections of addresses that are left are closed by the next command in the same packet: nobody can come in between, and
   * neither can a crash of Larder.
   */
  const bind = async (addresses: readonly string[]): Promise<void> => {
    const present = await configuration(['bind', ...portNames])
    const ports = new Set(portNames.map((name) => present.get(name) ?? '0'))
    const dropped = (present.get('bind') ?? '').split(' ').filter((address) => address !== '' && !addresses.includes(address))
    await Promise.all([
      send(['CONFIG', 'SET', 'bind', addresses.join(' ')]),
      ...dropped.flatMap((address) => [...ports].map((port) => send(['CLIENT', 'KILL', 'LADDR', `${address}:${port}`]))),
    ])
  }

  /**
   * In one packet: whoever comes in without TLS after its port has closed is not there any more, and whoever comes in with it after the other one has opened
   * stays. Replicas look for their primary anew, which costs them a partial resync.
   */
  const setTransit = async ({ mode, port, plain }: TransitChange): Promise<void> => {
    const present = await configuration(['bind', 'dir', 'port'])
    if (mode !== 'none') await send(['CONFIG', 'SET', ...tlsWords(present.get('dir') ?? '').flat()])
    const words = transitWords(mode, port, kind === 'cme').flat()
    if (mode !== 'required') {
      await done('CONFIG', 'SET', ...words)
      return
    }
    const ports = [...(plain ? [port] : []), innerPorts(port).plain]
    const places = (present.get('bind') ?? '').split(' ').flatMap((address) => ports.map((each) => `${address}:${each}`))
    await Promise.all([
      send(['CONFIG', 'SET', 'port', '0']),
      ...places.flatMap((place) => ['normal', 'pubsub'].map((type) => send(['CLIENT', 'KILL', 'LADDR', place, 'TYPE', type]))),
      send(['CONFIG', 'SET', ...words]),
      send(['CLIENT', 'KILL', 'TYPE', 'master']),
    ])
  }

  const setAccess = async (access: ClientAccess): Promise<void> => {
    const [text, present] = await Promise.all([send(['INFO', 'server']), send(['ACL', 'USERS'])])
    const info = parseInfo(textOf(text))
    const version = info.get('valkey_version')
    const engine = {
      engine: version === undefined ? 'redis' : 'valkey',
      version: version ?? info.get('redis_version') ?? '',
    } as const
    const names = Array.isArray(present) ? present.map(String) : []
    // In one packet: nobody sees some of the users changed and others not yet.
    // Whoever leaves takes his pause with him: nobody else could end it.
    const commands = [...accessCommands(access, names, engine, kind === 'cme'), endPause]
    await Promise.all(commands.map((command) => send(command)))
  }

  const claimSlots = async (ranges: readonly SlotRange[]): Promise<void> => {
    const missing = missingSlots(ranges, (await own())?.slots ?? [])
      .flat()
      .map(String)
    if (missing.length === 0) return
    // As far as it knows they are somebody's, or nobody's: the first command is then refused.
    await send(['CLUSTER', 'DELSLOTSRANGE', ...missing]).catch(unlessRefused)
    await done('CLUSTER', 'ADDSLOTSRANGE', ...missing)
    await done('CLUSTER', 'BUMPEPOCH')
  }

  const persistence = async (): Promise<ReadonlyMap<string, string>> => parseInfo(textOf(await send(['INFO', 'persistence'])))

  /** What a full disk has refused stays in memory, and is tried again with every turn of the event loop. */
  const isLogWhole = async (): Promise<boolean> => {
    const info = await persistence()
    return info.get('aof_enabled') === '1' && info.get('aof_last_write_status') === 'ok' && info.get('aof_buffer_length') === '0'
  }

  /** A save in the background comes first: the engine refuses a second one beside it. */
  const untilNoneSaves = async (): Promise<void> => {
    const deadline = performance.now() + saveDeadlineMs
    while ((await persistence()).get('rdb_bgsave_in_progress') !== '0' && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, savePollMs))
  }

  /**
   * By SAVE, and not by SHUTDOWN SAVE: an engine that is asked for the latter by a module crashes where the save fails. Nobody writes from here on, so
   * that what is saved is all. Throws `engine-unsaved`, and lets clients write again, where the data is not on the disk.
   */
  const save = async (): Promise<void> => {
    await send(['CLIENT', 'PAUSE', String(saveDeadlineMs), 'WRITE'])
    await untilNoneSaves()
    try {
      await send(['SAVE'], saveDeadlineMs)
    } catch (error) {
      if (error instanceof LarderError && error.code === 'engine-command' && !error.retry && (await isLogWhole())) return
      await send(endPause)
      throw error instanceof LarderError && error.code === 'engine-command'
        ? new LarderError('engine-unsaved', 'the engine cannot write its data', { cause: error, retry: true })
        : error
    }
  }

  /** The engine does not answer: it ends the connection. An answer is a refusal. */
  const shutdown = async (options: { readonly save: boolean }): Promise<void> => {
    if (options.save) await save()
    const answer = send(['SHUTDOWN', 'NOSAVE', 'NOW', 'FORCE'], commandDeadlineMs).then(
      () => null,
      (error: unknown) => error,
    )
    const failure = await Promise.race([connection.closed.then(() => null), answer])
    if (failure instanceof LarderError && failure.code !== 'engine-unreachable') throw failure
  }

  return {
    closed: connection.closed,
    isWayIn: connection.isWayIn,
    status,
    ping: async (deadlineMs) => {
      await send(['PING'], deadlineMs).catch(unlessRefused)
    },
    bind: (addresses) => evenIfBusy(() => bind(addresses)),
    claimSlots: (ranges) => evenIfBusy(() => claimSlots(ranges)),
    setTransit: (change) => evenIfBusy(() => setTransit(change)),
    shutdown,
    applyParameters: (parameters) =>
      evenIfBusy(async () => {
        const limits = (await configuration(['client-output-buffer-limit'])).get('client-output-buffer-limit') ?? ''
        await setDirectives(directivesOf(parameters, bufferParameters(limits)))
      }),
    setMaxMemory: (bytes) => evenIfBusy(() => done('CONFIG', 'SET', 'maxmemory', String(bytes))),
    replicate: (of) =>
      of === null
        ? promote(() => send(['REPLICAOF', 'NO', 'ONE']))
        : evenIfBusy(() => done('REPLICAOF', of.address, String(of.port)), followLimitMs),
    setAccess: (access) => evenIfBusy(() => setAccess(access)),
    reloadCertificate: () =>
      evenIfBusy(async () => {
        const names = ['tls-cert-file', 'tls-key-file', 'tls-ca-cert-file']
        const files = await configuration(names)
        // The same names again: the engine then reads the files anew, all of them or none.
        await done('CONFIG', 'SET', ...names.flatMap((name) => [name, files.get(name) ?? '']))
      }),
    meet: async (nodes) => {
      await Promise.all(nodes.map((node) => done('CLUSTER', 'MEET', node.address, String(node.port))))
    },
    replicateNode: (nodeId) => evenIfBusy(() => done('CLUSTER', 'REPLICATE', nodeId)),
    standForElection: async () => {
      const deadline = performance.now() + electionDeadlineMs
      await promote(() => unless(isPrimary, send(['CLUSTER', 'FAILOVER', 'FORCE'])))
      while (!(await isPrimary())) {
        if (performance.now() > deadline)
          throw new LarderError('deadline', `the other shards did not vote within ${electionDeadlineMs} ms`, { retry: true })
        await sleep(electionPollMs)
      }
    },
    takeOver: () => promote(() => unless(isPrimary, send(['CLUSTER', 'FAILOVER', 'TAKEOVER']))),
    forget: (nodeId) =>
      unless(async () => !(await cluster()).nodes.some((node) => node.id === nodeId), send(['CLUSTER', 'FORGET', nodeId])),
    publishDiscovery: unsupported('discovery'),
    command: (args) => (endsScripts(args) ? send(args, longDeadlineMs) : evenIfBusy(() => send(args, longDeadlineMs))),
    close: () => connection.close(),
  }
}

/** Commands of the way in of control; the engine's module has the same list. */
const ofControl: ReadonlySet<string> = new Set(['ACL', 'CLUSTER', 'CONFIG', 'INFO', 'PING', 'REPLICAOF', 'SHUTDOWN'])
const inPart: ReadonlySet<string> = new Set([
  ...['CLIENT KILL', 'CLIENT LIST', 'CLIENT PAUSE', 'CLIENT UNPAUSE'],
  ...['FUNCTION KILL', 'SCRIPT KILL'],
])

const isOfControl = ([name = '', sub = '']: readonly string[]): boolean =>
  ofControl.has(name.toUpperCase()) || inPart.has(`${name} ${sub}`.toUpperCase())

/** What control may not do by its own way goes as a client, by a connection that is made when it is needed. */
const besideClient = (way: Connection, asClient: () => Promise<Connection>): Connection => {
  let client: Promise<Connection> | null = null
  const clientConnection = (): Promise<Connection> => {
    const opening = client ?? asClient()
    if (client === null) {
      client = opening
      const forget = (): void => {
        if (client === opening) client = null
      }
      opening.then(({ closed }) => closed.then(forget), forget)
    }
    return opening
  }
  return {
    closed: way.closed,
    isWayIn: true,
    send: async (args, deadlineMs) =>
      isOfControl(args) ? way.send(args, deadlineMs) : (await clientConnection()).send(args, deadlineMs),
    close: () => {
      way.close()
      client?.then(
        (opened) => opened.close(),
        () => undefined, // it never opened
      )
    },
  }
}

export const connect = async (
  plan: Pick<NodePlan, 'socket' | 'secrets' | 'kind'>,
  deadlineMs: number,
): Promise<EngineControl> => {
  const credentials = { user: controlUser, password: plan.secrets.control }
  const asClient = (): Promise<Connection> => openConnection(plan.socket, credentials, deadlineMs)
  const wayIn = (): Promise<Connection | null> => openWayIn(controlSocket(plan.socket), deadlineMs)
  const found = await wayIn()
  if (found !== null) return controlOver(besideClient(found, asClient), plan.kind)
  const client = await asClient()
  // Redis OSS listens before it loads its modules, and answers after that.
  const later = await wayIn()
  if (later === null) return controlOver(client, plan.kind)
  client.close()
  return controlOver(besideClient(later, asClient), plan.kind)
}
