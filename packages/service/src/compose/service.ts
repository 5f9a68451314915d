/** The composition root of a running Larder. Read `startService` from top to bottom to see what it is made of. */
import { randomBytes } from 'node:crypto'
import { availableParallelism, hostname } from 'node:os'
import { connectionLimits } from '../api/http/limits.ts'
import { createApiServer } from '../api/server.ts'
import type { Actions } from '../api/service.ts'
import { actions } from '../api/services/elasticache/index.ts'
import { tellEnds } from '../controllers/authority/authority.ts'
import { createFirewallController } from '../controllers/firewall/firewall.ts'
import { createConnections } from '../controllers/groups/connections.ts'
import type { GroupContext } from '../controllers/groups/context.ts'
import { closeHoles } from '../controllers/groups/log-holes.ts'
import { createManager } from '../controllers/groups/manager.ts'
import { createMutex } from '../controllers/groups/mutex.ts'
import { readPersisted } from '../controllers/groups/persisted.ts'
import { tellRetired } from '../controllers/groups/retired.ts'
import { stopEngines } from '../controllers/groups/shutdown.ts'
import { pruneRemoved } from '../controllers/groups/sweep.ts'
import { loginSettings, openLogins } from '../controllers/logins/logins.ts'
import { authorityFits } from '../controllers/recovery/files.ts'
import { keepGroupFiles } from '../controllers/recovery/group-files.ts'
import { decideGroup } from '../decide/group.ts'
import { onlyInstalled, openCatalog } from '../engines/catalog.ts'
import { withControlModule } from '../engines/control-module.ts'
import { openDiscoveryModule } from '../engines/discovery-module.ts'
import { adapterFor } from '../engines/index.ts'
import { openLoginModule } from '../engines/login-module.ts'
import { findTool } from '../engines/tools.ts'
import { withUserModules } from '../engines/user-modules.ts'
import { LarderError } from '../errors.ts'
import type { Home } from '../home/home.ts'
import { keepFiles } from '../home/kept.ts'
import { removeService, writeService } from '../home/lock.ts'
import type { Secrets } from '../home/secrets.ts'
import { watchDisk } from '../host/disk-room.ts'
import { openFilesLimit, raiseOpenFiles, wantedOpenFiles } from '../host/limits.ts'
import { createLinuxHost } from '../host/linux.ts'
import type { LoginSocket } from '../host/login-socket.ts'
import type { GroupKey } from '../model/group.ts'
import { rootArn } from '../model/iam.ts'
import { createAudit } from '../observe/audit.ts'
import { bounds, openLines } from '../observe/lines.ts'
import { metricsText } from '../observe/metrics.ts'
import { shared } from '../observe/probes.ts'
import { makeReport, type Report } from '../observe/report.ts'
import { keepLogsBounded } from '../observe/written-by-others.ts'
import type { Catalog } from '../ports/catalog.ts'
import type { Certificates } from '../ports/certificates.ts'
import { pruneEvents } from '../ports/events.ts'
import type { Log } from '../ports/log.ts'
import { createSteadiness } from '../ports/steadiness.ts'
import type { Store } from '../ports/store.ts'
import { iamKeyHolder } from '../security/iam/key-holder.ts'
import type { KeyHolder, Verifier } from '../security/sigv4.ts'
import { openAuthority } from '../security/tls/authority.ts'
import { systemClock } from './clock.ts'
import { fileLog, onAnyDisk, openHomeFiles, placeIn, takeHome } from './home.ts'
import { balancerOf, clearFormerTables, firewallOf, packetFilterOf } from './kernel.ts'
import { probeOver } from './probes.ts'
import { refusesUnsupported, volumeOf } from './unsupported.ts'

/** Every account has twelve digits; a home is one account. */
const account = '000000000000'

const pruneEveryMs = 3_600_000

/** The key that is made with the home belongs to the root of its account, who may do everything. */
const rootHolder = (secrets: Secrets): KeyHolder => ({
  secretAccessKey: secrets.secretAccessKey,
  account,
  arn: rootArn(account),
  userId: account,
})

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

/** Throws `LarderError` `usage` for a setting that is none. */
const unknownSubnetsOf = (environment: NodeJS.ProcessEnv): 'taken' | 'refused' => {
  const setting = environment['LARDER_SUBNETS'] || 'known'
  if (setting === 'known' || setting === 'any') return setting === 'any' ? 'taken' : 'refused'
  throw new LarderError('usage', `expected LARDER_SUBNETS to be known or any, found ${setting}`)
}

export const startService = async (options: ServiceOptions): Promise<Service> => {
  const { home, environment } = options
  const unknownSubnets = unknownSubnetsOf(environment)
  const refused = refusesUnsupported(environment)
  const { lock, self } = takeHome(home, 'up')
  const ending = new AbortController()
  const log = fileLog(home)
  const host = createLinuxHost()
  const { state, secrets, sealer, block } = await onAnyDisk(home, () => openHomeFiles(home, environment, host, log)).catch(
    (error: unknown) => {
      log('error', 'the start is refused', { error })
      removeService(home)
      lock.release()
      throw error
    },
  )
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
  const apiStore = groupFiles.writingThrough(store)
  const iamKeys = iamKeyHolder(store, sealer, account)
  await raiseOpenFiles(findTool('prlimit', environment))
  const openFiles = openFilesLimit()
  if (openFiles !== null && openFiles < wantedOpenFiles)
    log('warn', 'engines take fewer clients than AWS gives them: see larder doctor', { openFiles, wanted: wantedOpenFiles })
  const exactVersions = onlyInstalled(environment)
  const bare = await withUserModules(openCatalog(environment), environment, log)
  const catalog = await withControlModule(bare, environment, log)
  const filter = await packetFilterOf(home, environment, { host, log, signal: ending.signal })
  const balancer = await balancerOf(home, filter, environment, { host, log, signal: ending.signal })

  const firewall = await firewallOf(home, filter, environment, log)
  void clearFormerTables(home, block, environment, { log, signal: ending.signal })
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
    closeHoles,
    onProgress: options.onProgress,
  }
  const manager = createManager(context)

  const probe = probeOver(home, host, secrets, connections)
  const volume = await volumeOf(home, environment)
  const report = shared((): Promise<Report> => makeReport(store, probe, volume))
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
      store: apiStore,
      catalog,
      exactVersions,
      clock: systemClock,
      sealer,
      whyUnguarded: firewall.whyUnguarded,
      enforced: guarding.settled,
      whyNoIam: loginModule.whyNot,
      unknownSubnets,
      unsupported: { refused, volume },
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
    tellRetired(context).catch((error: unknown) => log('warn', 'it could not be looked for engines that are retired', { error }))
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
    watchDisk(home.path, log, state.store.keepRoom, ending.signal)
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
        try {
          if (stop) await stopEngines({ ...context, firewall })
        } finally {
          await release()
        }
      },
    }
  } catch (error) {
    await manager.stop()
    await guarding.stop()
    await release()
    throw error
  }
}
