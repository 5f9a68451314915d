/**
 * Opens the state of a home, or refuses with the sentence that says what to do: a state that is missing, damaged, of another home, or older than
 * what is there would make a start believe that running engines belong to nobody. Looks only; nothing is ended, moved or deleted here.
 */
import { existsSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { LarderError } from '../../errors.ts'
import { isThere } from '../../home/files.ts'
import type { Home } from '../../home/home.ts'
import { keptFiles, textOf } from '../../home/kept.ts'
import type { GroupSpec, GroupState, ProcessIdentity } from '../../model/group.ts'
import { removedKey } from '../../model/keys.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Host } from '../../ports/host.ts'
import type { Log } from '../../ports/log.ts'
import { listRecords } from '../../ports/records.ts'
import { listCopies, takeCopy } from '../../store/copies.ts'
import { type Journal, type JournalContent, openJournal, readJournal } from '../../store/journal.ts'
import { openSqliteStore, type SqliteStore } from '../../store/sqlite.ts'
import { fingerprintOf, isAuthority, isEndpointPlan, isKey, sealersIn } from './files.ts'
import { type GroupFile, readGroupFiles } from './group-files.ts'

/** How processes are looked at. */
type Looker = Pick<Host, 'findByTag' | 'check' | 'sample'>

const advice = 'Nothing was touched. What can be brought back, and how: npx larder recover'

export const lost = (home: Pick<Home, 'path'>, expected: string, found: string): LarderError =>
  new LarderError('store-lost', `expected ${expected}, found ${found}. ${advice} --home ${home.path}`)

const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? '' : 's'}`

export const keysOfHome = 'keys of a home'

/** What says that there was a state here once; empty in a new home. */
export const tracesOf = async (home: Home, host: Pick<Host, 'findByTag'>): Promise<readonly string[]> => {
  const folders = (await home.nodeFolders()).length
  const running = (await host.findByTag(`${home.nodesFolder}/`)).length
  const groups = readGroupFiles(home.nodesFolder)
  const described = groups.files.length + groups.damaged.length
  return [
    ...(running > 0 ? [count(running, 'running engine')] : []),
    ...(folders > 0 ? [count(folders, 'folder of nodes').replace('folder of nodess', 'folders of nodes')] : []),
    ...(described > 0 ? [`${count(described, 'description')} of groups`] : []),
    ...(readJournal(home.copiesFolder) !== null || listCopies(home.copiesFolder).length > 0 ? ['copies of a state'] : []),
    ...(existsSync(`${home.stateFile}-wal`) ? ['the log of a state'] : []),
    ...(existsSync(home.blockFile) ? ['networks that were claimed'] : []),
    ...(existsSync(home.secretsFile) ? [keysOfHome] : []),
  ]
}

const refuseMissing = async (home: Home, host: Pick<Host, 'findByTag'>): Promise<void> => {
  const traces = await tracesOf(home, host)
  if (traces.length > 0)
    throw lost(home, `the state in ${home.stateFile}`, `no such file, although there are ${traces.join(', ')}`)
}

/** What a damaged file is told with. Other errors stay as they are. */
export const withAdvice = (home: Pick<Home, 'path'>, error: unknown): unknown =>
  error instanceof LarderError && error.code === 'store-corrupt'
    ? new LarderError('store-lost', `${error.message} ${advice} --home ${home.path}`, { cause: error })
    : error

/** The newest thing beside the store that the store must have; null: it has everything. */
const newerThan = (
  store: Pick<SqliteStore, 'id' | 'revision'>,
  journal: JournalContent | null,
  groups: readonly GroupFile[],
): string | null => {
  if (journal !== null && journal.store !== store.id)
    return `there is the journal of another state (${journal.store}, this one is ${store.id || 'of before'})`
  if (journal !== null && journal.revision > store.revision)
    return `there is a journal that goes on to change ${journal.revision} (this state ends at ${store.revision})`
  const newer = groups.filter((file) => file.store === store.id && file.revision > store.revision)
  const [first] = newer
  if (first === undefined) return null
  const are = newer.length === 1 ? 'is' : 'are'
  return `there ${are} ${count(newer.length, 'group')} of later changes (${first.spec.id} of ${first.revision}, this state ends at ${store.revision})`
}

const sameProcess = (left: ProcessIdentity, right: ProcessIdentity): boolean =>
  left.pid === right.pid && left.startTime === right.startTime && left.bootId === right.bootId

/** Engines that run and of which no record knows this process: a state of another day. */
const unknownEngines = async (
  home: Home,
  store: SqliteStore,
  host: Pick<Host, 'findByTag'>,
): Promise<readonly { readonly folder: string; readonly pid: number }[]> => {
  const { records } = await listRecords<GroupState>(store, 'state/')
  const nodes = records.flatMap(({ value }) =>
    Object.values(value.nodes).map((node) => ({ node, folder: home.nodeFolder(value.region, node.id) })),
  )
  const known = nodes.flatMap(({ node }) => (node.process === null ? [] : [node.process]))
  const running = await host.findByTag(`${home.nodesFolder}/`)
  if (running.every((each) => known.some((other) => sameProcess(each, other)))) return []
  // A start that was cut off has written its intent, a removal that was cut off its record: both are taken up again.
  const starting = new Set(nodes.filter(({ node }) => node.starting).map(({ folder }) => folder))
  const unknown: { folder: string; pid: number }[] = []
  for (const folder of await home.nodeFolders()) {
    if (starting.has(folder) || (await store.get(removedKey(basename(dirname(folder)), basename(folder)))) !== null) continue
    for (const each of await host.findByTag(`${folder}/`))
      if (!known.some((other) => sameProcess(each, other))) unknown.push({ folder, pid: each.pid })
  }
  return unknown
}

const refuseUnknown = async (home: Home, store: SqliteStore, host: Pick<Host, 'findByTag'>): Promise<void> => {
  const unknown = await unknownEngines(home, store, host)
  const [first] = unknown
  if (first !== undefined) {
    const what = `${count(unknown.length, 'running engine')} that it does not know (process ${first.pid} in ${first.folder})`
    throw lost(
      home,
      `the newest state in ${home.stateFile}`,
      `an older one: there ${unknown.length === 1 ? 'is' : 'are'} ${what}`,
    )
  }
}

/** The very processes of the records, with the command line of another folder: a start would begin every node a second time beside them. */
const refuseMoved = async (home: Home, store: SqliteStore, host: Pick<Host, 'check' | 'sample'>): Promise<void> => {
  const { records } = await listRecords<GroupState>(store, 'state/')
  for (const { region, node } of records.flatMap(({ value }) =>
    Object.values(value.nodes).map((each) => ({ region: value.region, node: each })),
  )) {
    if (node.process === null || (await host.check(node.process, `${home.nodeFolder(region, node.id)}/`)) !== 'stranger') continue
    if ((await host.sample(node.process)) === null) continue // another process has its id by now
    throw new LarderError(
      'machine',
      `expected the engines of this home to run from ${home.path}, found node ${node.id} (process ${node.process.pid}) running from another folder: ` +
        'the home was moved while they run. Move it back to where it was, end them with larder down, and then move it. Nothing was touched',
    )
  }
}

interface Secret {
  readonly homeId?: unknown
  readonly control?: unknown
  readonly replication?: unknown
}

const secretsIn = (text: string | null): Secret | null => {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null ? value : null
  } catch {
    return null // reading it tells what is wrong
  }
}

/**
 * The small files without which the engines and secrets of this state cannot be reached. Where there is a state with groups, none of them is
 * made anew: another one would fit to nothing.
 */
export const checkFiles = async (home: Home, store: SqliteStore, environment: NodeJS.ProcessEnv): Promise<void> => {
  if (!isEndpointPlan(textOf(home.endpointsPlan)))
    throw lost(home, `the list of endpoints to serve in ${home.endpointsPlan}`, 'something else')
  const files = keptFiles(home)
  const specs = (await listRecords<GroupSpec>(store, 'spec/')).records.map(({ value }) => value)
  const text = (name: keyof typeof files): string | null => textOf(files[name].path)
  const [secrets, kept] = [text('secrets.json'), textOf(files['secrets.json'].copy)]
  const used = specs.length > 0 || kept !== null
  if (used && secrets === null) throw lost(home, `the keys of this home in ${home.secretsFile}`, 'no such file')
  const [now, before] = [secretsIn(secrets), secretsIn(kept)]
  if (secrets !== null && now === null) throw lost(home, `the keys of this home in ${home.secretsFile}`, 'something else')
  if (now !== null && before !== null && specs.length > 0) {
    const other = (['homeId', 'control', 'replication'] as const).find((name) => now[name] !== before[name])
    if (other !== undefined)
      throw lost(home, `the keys by which the engines of this home were started in ${home.secretsFile}`, `another ${other}`)
  }
  if (environment['LARDER_SEAL_KEY'] === undefined) {
    const sealed = sealersIn((await store.list('')).entries.map(({ value }) => value))
    const key = text('seal.key')?.trim() ?? null
    if (key === null && (sealed.size > 0 || textOf(files['seal.key'].copy) !== null))
      throw lost(home, `the key that seals secrets in ${home.sealKeyFile}`, 'no such file')
    if (key !== null && (!isKey(key) || (sealed.size > 0 && !sealed.has(fingerprintOf(key)))))
      throw lost(home, `the key by which the secrets in the state are sealed in ${home.sealKeyFile}`, 'another one, or none')
  }
  const [certificate, authorityKey] = [text('ca.crt'), text('ca.key')]
  // Groups without TLS never depend on the authority: `larder doctor` says what is wrong with it.
  if (specs.every((spec) => spec.transitEncryption === undefined)) return
  if (!isAuthority(certificate, authorityKey))
    throw lost(
      home,
      `the authority that signs certificates in ${home.tlsFolder} (ca.crt and its private key ca.key)`,
      certificate === null || authorityKey === null ? 'not both of them' : 'two files that do not belong together',
    )
}

export interface StateTrouble {
  readonly why: string
  /** A recovery helps. False: the state may be whole, and cannot be read now. */
  readonly isLost: boolean
}

const isOfSystem = (error: unknown): error is Error => error instanceof Error && 'syscall' in error

/** For a command that only looks, also while the service runs. Null: a start would take what is there, or the home is new. */
export const whyNotNewest = async (
  home: Home,
  host: Looker,
  clock: Pick<Clock, 'now'>,
  environment: NodeJS.ProcessEnv,
): Promise<StateTrouble | null> => {
  try {
    if (!isThere(home.stateFile)) {
      await refuseMissing(home, host)
      return null
    }
    // In this order: the service commits first, and then appends to the journal.
    const [journal, groups] = [readJournal(home.copiesFolder), readGroupFiles(home.nodesFolder)]
    const store = openSqliteStore(home.stateFile, { clock, readOnly: true })
    try {
      const newer = newerThan(store, journal, groups.files)
      if (newer !== null) return { why: newer, isLost: true }
      await refuseMoved(home, store, host)
      await checkFiles(home, store, environment)
      return null
    } finally {
      await store.close()
    }
  } catch (error) {
    if (error instanceof LarderError)
      return { why: error.message, isLost: error.code === 'store-lost' || error.code === 'store-corrupt' }
    if (isOfSystem(error)) return { why: error.message, isLost: false }
    throw error
  }
}

export interface OpenedState {
  readonly store: SqliteStore
  readonly journal: Journal
  readonly groups: readonly GroupFile[]
  /** One a day, where something changed. Never rejects. */
  copyOfToday(): Promise<void>
  close(): Promise<void>
}

export interface OpeningOptions {
  readonly home: Home
  readonly host: Looker
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  /** Of Larder. */
  readonly version: string
}

/** Throws `store-lost`, and what `openSqliteStore` throws. */
export const openState = async ({ home, host, clock, log, version }: OpeningOptions): Promise<OpenedState> => {
  const isNew = !isThere(home.stateFile)
  if (isNew) await refuseMissing(home, host)
  const before = readJournal(home.copiesFolder)
  const groups = readGroupFiles(home.nodesFolder)
  if (groups.damaged.length > 0) log('warn', 'descriptions of groups are damaged and are written anew', { files: groups.damaged })
  const open: { journal: Journal | null } = { journal: null }
  let store: SqliteStore
  try {
    if (!isNew) {
      const looked = openSqliteStore(home.stateFile, { clock, readOnly: true })
      try {
        const newer = newerThan(looked, before, groups.files)
        if (newer !== null) throw lost(home, `the newest state in ${home.stateFile}`, `an older or another one: ${newer}`)
        await refuseUnknown(home, looked, host)
        await refuseMoved(home, looked, host)
      } finally {
        await looked.close()
      }
    }
    store = openSqliteStore(home.stateFile, { clock, onCommit: (revision, changes) => open.journal?.append(revision, changes) })
  } catch (error) {
    throw withAdvice(home, error)
  }
  const journal = openJournal({ folder: home.copiesFolder, store: store.id, version, log })
  open.journal = journal
  let copying: Promise<void> = Promise.resolve()
  const copy = (kind: 'day' | 'before', label: string): Promise<void> => {
    copying = copying.then(async () => {
      try {
        const made = await takeCopy(home.copiesFolder, store, kind, label)
        if (made !== null) log('info', 'the state was copied', { to: made })
      } catch (error) {
        log('warn', 'the state could not be copied', { error })
      }
    })
    return copying
  }
  if (!isNew && before?.version !== version) await copy('before', before?.version ?? 'unknown')
  store.refuseOlder()
  const renewing = journal.renew(store, store.revision)
  return {
    store,
    journal,
    groups: groups.files,
    // An empty state would be the copy of the whole first day.
    copyOfToday: () => (store.revision === 0 ? Promise.resolve() : copy('day', new Date(clock.now()).toISOString().slice(0, 10))),
    async close() {
      await copying
      await renewing
      await journal.close()
      await store.close()
    },
  }
}
