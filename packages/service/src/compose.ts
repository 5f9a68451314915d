/**
 * The composition root: the only place where adapters are picked. Read it from top to bottom to see what a running Larder is made of.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { availableParallelism, hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { actions } from './api/actions/index.ts'
import type { Actions } from './api/dispatch.ts'
import { connectionLimits } from './api/front/limits.ts'
import { createApiServer } from './api/server.ts'
import { tellEnds } from './controllers/authority/authority.ts'
import { createFirewallController } from './controllers/firewall/firewall.ts'
import { type Connections, connectionName, createConnections } from './controllers/groups/connections.ts'
import type { GroupContext, NodePlace } from './controllers/groups/context.ts'
import { createManager } from './controllers/groups/manager.ts'
import { createMutex } from './controllers/groups/mutex.ts'
import { readPersisted } from './controllers/groups/persisted.ts'
import { stopEngines } from './controllers/groups/shutdown.ts'
import { pruneRemoved } from './controllers/groups/sweep.ts'
import { loginSettings, openLogins } from './controllers/logins/logins.ts'
import { authorityFits } from './controllers/recovery/files.ts'
import { keepGroupFiles } from './controllers/recovery/group-files.ts'
import { checkFiles, openState } from './controllers/recovery/opening.ts'
import { decideGroup } from './decide/group.ts'
import { openCatalog } from './engines/catalog.ts'
import { withControlModule } from './engines/control-module.ts'
import { openDiscoveryModule } from './engines/discovery-module.ts'
import { adapterFor } from './engines/index.ts'
import { openLoginModule } from './engines/login-module.ts'
import { findTool } from './engines/tools.ts'
import { withUserModules } from './engines/user-modules.ts'
import { LarderError } from './errors.ts'
import { claimBlock } from './home/blocks.ts'
import type { Home } from './home/home.ts'
import { keepFiles } from './home/kept.ts'
import { lastService, lockHome, removeService, type ServiceInfo, writeService } from './home/lock.ts'
import { openSealKey } from './home/seal-key.ts'
import { openSecrets, type Secrets } from './home/secrets.ts'
import { openBalancer } from './host/balancer.ts'
import { openFirewall } from './host/firewall.ts'
import { openFilesLimit, raiseOpenFiles, wantedOpenFiles } from './host/limits.ts'
import { createLinuxHost } from './host/linux.ts'
import type { LoginSocket } from './host/login-socket.ts'
import { openPacketFilter, type PacketFilter } from './host/packet-filter/packet-filter.ts'
import { livesElsewhere, ownIdentity } from './host/service-process.ts'
import type { GroupKey, GroupSpec, NodeState } from './model/group.ts'
import { reachOf } from './model/memcached.ts'
import { larderVersion } from './model/version.ts'
import { createAudit } from './observe/audit.ts'
import { bounds, openLines } from './observe/lines.ts'
import { createLog, type SummingLog } from './observe/log.ts'
import { metricsText } from './observe/metrics.ts'
import { createProbe, shared } from './observe/probes.ts'
import { makeReport, type Probe, type Report } from './observe/report.ts'
import { keepLogsBounded } from './observe/written-by-others.ts'
import type { Catalog } from './ports/catalog.ts'
import type { Certificates } from './ports/certificates.ts'
import type { Clock } from './ports/clock.ts'
import type { EngineControl } from './ports/engine.ts'
import { pruneEvents } from './ports/events.ts'
import type { Firewall } from './ports/firewall.ts'
import type { Host } from './ports/host.ts'
import type { Log } from './ports/log.ts'
import { createSteadiness } from './ports/steadiness.ts'
import type { Store } from './ports/store.ts'
import { iamKeyHolder } from './security/iam/key-holder.ts'
import { createSealer } from './security/seal.ts'
import type { KeyHolder, Verifier } from './security/sigv4.ts'
import { openAuthority } from './security/tls/authority.ts'

/** Every account has twelve digits; a home is one account. */
const account = '000000000000'

const pruneEveryMs = 3_600_000

export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
}

const fileLog = (home: Home): SummingLog => createLog(openLines(home.logFile, bounds.log).append, systemClock.now)

/** The key that is made with the home belongs to the root of its account, who may do everything. */
const rootHolder = (secrets: Secrets): KeyHolder => ({
  secretAccessKey: secrets.secretAccessKey,
  account,
  arn: `arn:aws:iam::${account}:user/larder`,
  userId: 'AIDALARDERROOTUSER00',
})

const placeIn =
  (home: Home) =>
  (region: string, nodeId: string): NodePlace => {
    const folder = home.nodeFolder(region, nodeId)
    return { folder, socket: home.socket(region, nodeId), tag: `${folder}/` }
  }

const connectDeadlineMs = 500

/** Whoever only looks makes no authority. */
const bundleOf = (home: Home): string => {
  if (existsSync(join(home.tlsFolder, 'ca.crt'))) return openAuthority(home.tlsFolder, systemClock.now).bundle
  throw new LarderError('store-lost', `expected the authority of ${home.path} in ${home.tlsFolder}, found none`)
}

const tagIn = (home: Home) => (region: string, nodeId: string) => placeIn(home)(region, nodeId).tag

/** A new connection to a node. Whoever asks for it closes it. */
const connectAnew =
  (home: Home, secrets: Secrets) =>
  async (spec: GroupSpec, node: NodeState): Promise<EngineControl> => {
    const { socket } = placeIn(home)(spec.region, node.id)
    const own = { socket, address: node.address, port: node.port, secrets, kind: spec.kind }
    const reach = reachOf(spec, node, () => bundleOf(home))
    return adapterFor(node.engine).connect(reach === null ? own : { ...own, reach }, connectDeadlineMs)
  }

/** Asks a node itself, over a connection of its own. */
export const probeWith = (home: Home, host: Host, secrets: Secrets): Probe => {
  const anew = connectAnew(home, secrets)
  const connect = async (spec: GroupSpec, node: NodeState) => ({ control: await anew(spec, node), own: true })
  return createProbe({ host, tag: tagIn(home), connect })
}

/** Asks over the connections that the controllers hold; over one of its own where there is none. */
const probeOver = (home: Home, host: Host, secrets: Secrets, connections: Connections): Probe => {
  const anew = connectAnew(home, secrets)
  const connect = async (spec: GroupSpec, node: NodeState) => {
    const present = connections.present(connectionName(spec.region, node))
    return present === null ? { control: await anew(spec, node), own: true } : { control: await present, own: false }
  }
  return createProbe({ host, tag: tagIn(home), connect })
}

export const nftablesOf = (environment: NodeJS.ProcessEnv) => ({
  nft: findTool('nft', environment),
  allowNft: environment['LARDER_NFTABLES'] !== 'off',
})

/** Groups are taken although nothing enforces their security groups. Throws `usage`. */
export const takesUnenforced = (environment: NodeJS.ProcessEnv): boolean => {
  const setting = environment['LARDER_SECURITY_GROUPS'] || 'enforced'
  if (setting === 'enforced' || setting === 'unenforced') return setting === 'unenforced'
  throw new LarderError('usage', `expected LARDER_SECURITY_GROUPS to be enforced or unenforced, found ${setting}`)
}

const packetFilterOf = async (
  { path }: Home,
  environment: NodeJS.ProcessEnv,
  parts: { readonly host: Host; readonly log: Log; readonly signal: AbortSignal },
): Promise<PacketFilter | null> => {
  const { nft } = nftablesOf(environment)
  return nft === null ? null : openPacketFilter({ home: path, nft, clock: systemClock, ...parts })
}

const firewallOf = (home: Home, filter: PacketFilter | null, environment: NodeJS.ProcessEnv, log: Log): Promise<Firewall> =>
  openFirewall({
    home: home.path,
    filter,
    ...nftablesOf(environment),
    unenforced: takesUnenforced(environment),
    user: process.getuid?.() ?? 0,
    log,
  })

/** Alone in the home from now on. Throws `store-busy`. */
export const takeHome = (home: Home, task: NonNullable<ServiceInfo['task']>) => {
  const lock = lockHome(home)
  const last = lastService(home)
  if (last !== null && livesElsewhere(last)) {
    lock.release()
    throw new LarderError(
      'store-busy',
      `expected to be the only service of ${home.path}, found process ${last.pid} (larder ${last.task ?? 'up'}), whose lock was removed; end it first`,
    )
  }
  // At once: what a killed service left there names a process that may be somebody else's by now.
  const self = { ...ownIdentity(), task, startedAt: systemClock.now() }
  writeService(home, { ...self, url: null })
  return { lock, self }
}

/** The state and the keys of a home, all of one day; refused with what to do where they are not. The state comes first: a home is new without one. */
const openHomeFiles = async (home: Home, environment: NodeJS.ProcessEnv, host: Host, log: Log) => {
  const state = await openState({ home, host, clock: systemClock, log, version: larderVersion })
  try {
    await checkFiles(home, state.store, environment)
    const secrets = openSecrets(home)
    const sealer = createSealer(openSealKey(home, environment))
    const { entries } = await state.store.list('address/')
    const addresses = entries.map(({ key }) => key.slice('address/'.length))
    const block = claimBlock(home, environment['LARDER_BLOCKS_FOLDER'], addresses)
    return { state, secrets, sealer, block }
  } catch (error) {
    await state.close()
    throw error
  }
}

/** Made at the first start, so that clients can be given it. Where its files are damaged only groups with TLS wait for them. */
const openCertificates = (home: Home, log: Log): Certificates => {
  const certificates = openAuthority(home.tlsFolder, systemClock.now)
  try {
    certificates.prepare()
  } catch (error) {
    log('error', 'groups with TLS get no certificates', { error })
  }
  return certificates
}

export interface ServiceOptions {
  readonly home: Home
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly environment: NodeJS.ProcessEnv
  readonly onProgress: (key: GroupKey, text: string) => void
  /** For tests that end the process at a chosen write. */
  readonly wrapStore?: (store: Store) => Store
}

export interface Service {
  readonly url: string
  readonly secrets: Secrets
  readonly catalog: Catalog
  readonly store: Store
  readonly log: Log
  report(): Promise<Report>
  /** Stops serving. Engines go on, unless `stopEngines`. */
  close(options: { stopEngines: boolean }): Promise<void>
}

export const startService = async (options: ServiceOptions): Promise<Service> => {
  const { home, environment } = options
  const { lock, self } = takeHome(home, 'up')
  const ending = new AbortController()
  const log = fileLog(home)
  const host = createLinuxHost()
  const { state, secrets, sealer, block } = await openHomeFiles(home, environment, host, log).catch((error: unknown) => {
    log('error', 'the start is refused', { error })
    removeService(home)
    lock.release()
    throw error
  })
  const store = options.wrapStore?.(state.store) ?? state.store
  const groupFiles = keepGroupFiles({
    store,
    storeId: state.store.id,
    nodesFolder: home.nodesFolder,
    host,
    clock: systemClock,
    log,
    present: state.groups,
  })
  const iamKeys = iamKeyHolder(store, sealer, account)
  await raiseOpenFiles(findTool('prlimit', environment))
  const openFiles = openFilesLimit()
  if (openFiles !== null && openFiles < wantedOpenFiles)
    log('warn', 'engines take fewer clients than AWS gives them: see larder doctor', { openFiles, wanted: wantedOpenFiles })
  const bare = await withUserModules(openCatalog(environment), environment, log)
  const catalog = await withControlModule(bare, environment, log)
  const filter = await packetFilterOf(home, environment, { host, log, signal: ending.signal })
  const balancer = await openBalancer({
    home: home.path,
    filter,
    ...nftablesOf(environment),
    host,
    log,
    signal: ending.signal,
  })

  const firewall = await firewallOf(home, filter, environment, log)
  const guarding = createFirewallController({ store, firewall, clock: systemClock, log })

  const [loginModule, discoveryModule] = await Promise.all([
    openLoginModule(environment, catalog.list(), log),
    openDiscoveryModule(environment, catalog.list(), log),
  ])
  const connections = createConnections((name) => manager.connectionLost(name))
  const context: Omit<GroupContext, 'health'> = {
    decide: decideGroup,
    store,
    host,
    catalog,
    certificates: openCertificates(home, log),
    logins: loginSettings(home.loginSocket, loginModule, environment),
    discoveryModule,
    balancer,
    guarding,
    clock: systemClock,
    log,
    block,
    machine: {
      name: hostname(),
      processors: availableParallelism(),
      user: process.getuid?.() === 0 ? 'root' : null,
      openFiles,
    },
    secrets,
    sealer,
    adapter: adapterFor,
    place: placeIn(home),
    connections,
    allocating: createMutex(),
    newClusterNodeId: () => randomBytes(20).toString('hex'),
    unique: () => randomBytes(4).toString('hex'),
    nodeFolders: home.nodeFolders,
    setAside: (folder) => home.setAside(folder, systemClock.now()),
    readPersisted,
    onProgress: options.onProgress,
  }
  const manager = createManager(context)

  const probe = probeOver(home, host, secrets, connections)
  const report = shared((): Promise<Report> => makeReport(store, probe))
  const verifier: Verifier = {
    now: systemClock.now,
    keyHolder: (accessKeyId) =>
      accessKeyId === secrets.accessKeyId ? Promise.resolve(rootHolder(secrets)) : iamKeys(accessKeyId),
  }
  const audit = createAudit(
    {
      audit: openLines(home.auditFile, bounds.audit).append,
      rejected: openLines(home.rejectedFile, bounds.rejected).append,
    },
    systemClock.now,
    log,
  )
  let logins: LoginSocket | null = null
  const server = createApiServer({
    verifier,
    audit,
    sealer,
    actions: actions satisfies Actions,
    context: (caller) => ({
      region: caller.region,
      account: caller.account,
      store,
      catalog,
      clock: systemClock,
      sealer,
      whyUnguarded: firewall.whyUnguarded,
      enforced: guarding.settled,
      whyNoIam: loginModule.whyNot,
      report,
    }),
    metrics: async () => metricsText(await report()),
    limits: connectionLimits(openFilesLimit()),
    allowedHosts: environment['LARDER_ALLOWED_HOSTS'] ?? '',
    log,
  })
  const isSteady = createSteadiness(systemClock)
  const pruning = setInterval(() => {
    if (!isSteady()) log('warn', 'the clock of this machine has jumped: nothing is removed for its age for a day')
    else
      pruneEvents(store, systemClock.now()).catch((error: unknown) => log('warn', 'old events could not be removed', { error }))
    lookForEnds()
    void state.copyOfToday()
    pruneRemoved(context).catch((error: unknown) => log('warn', 'records of removed nodes could not be removed', { error }))
  }, pruneEveryMs)
  pruning.unref()

  const lookForEnds = (): void => {
    tellEnds(context).catch((error: unknown) => log('warn', 'it could not be looked for certificates that end', { error }))
  }

  const release = async (): Promise<void> => {
    clearInterval(pruning)
    await logins?.close()
    ending.abort()
    connections.closeAll()
    removeService(home)
    await groupFiles.stop()
    await state.close()
    audit.sumUp()
    log.sumUp()
    lock.release()
  }

  try {
    logins = await openLogins(home.loginSocket, { store, account, verifier }, { audit, log })
    const port = await server.listen(options.host, options.port)
    const url = `http://${options.host}:${port}`
    writeService(home, { ...self, url })
    filter?.watch()
    await guarding.start()
    await manager.start()
    // All of it has been read by now, and fits.
    keepFiles(home, log, authorityFits(home))
    await groupFiles.start()
    void state.copyOfToday()
    log('info', 'ready', { url, pid: process.pid })
    lookForEnds()
    void keepLogsBounded({ nodeFolders: home.nodeFolders, endpointsFolder: home.endpointsFolder, log }, ending.signal)
    return {
      url,
      secrets,
      catalog,
      store,
      log,
      report,
      async close({ stopEngines: stop }) {
        await server.close()
        await manager.stop()
        await guarding.stop()
        if (stop) await stopEngines({ ...context, firewall })
        await release()
      },
    }
  } catch (error) {
    await manager.stop()
    await guarding.stop()
    await release()
    throw error
  }
}

/** `larder down` without a running service: takes the home's lock, so that no service can start meanwhile. */
export const stopHome = async (home: Home, environment: NodeJS.ProcessEnv): Promise<number> => {
  const { lock } = takeHome(home, 'down')
  const log = fileLog(home)
  const ending = new AbortController()
  const host = createLinuxHost()
  const state = await openState({ home, host, clock: systemClock, log, version: larderVersion }).catch((error: unknown) => {
    removeService(home)
    lock.release()
    throw error
  })
  const { store } = state
  const filter = await packetFilterOf(home, environment, { host, log, signal: ending.signal })
  const balancer = await openBalancer({
    home: home.path,
    filter,
    ...nftablesOf(environment),
    host,
    log,
    signal: ending.signal,
  })
  const firewall = await firewallOf(home, filter, environment, log)
  const connections = createConnections(() => undefined)
  try {
    return await stopEngines({
      store,
      host,
      balancer,
      firewall,
      clock: systemClock,
      log,
      secrets: openSecrets(home),
      adapter: adapterFor,
      place: placeIn(home),
      connections,
    })
  } finally {
    connections.closeAll()
    ending.abort()
    await state.close()
    removeService(home)
    lock.release()
  }
}
