/**
 * The state folder of one Larder (`LARDER_HOME`).
 *
 * ```
 * state.db            the store            secrets.json   keys and passwords, 0600
 * nodes/<region>/<id> a node's folder      block.json     which loopback networks are ours
 * run/iam.sock        engines ask here     service.json   who serves, while it serves
 * run/<short>.sock    control sockets
 * logs/               what Larder says     lock.db        held by the one `larder up`
 * state-copies/       a journal of the state, and copies of it
 * kept/               second copies of secrets.json, seal.key and tls/
 * aside/              what nobody knew: moved here instead of deleted
 * tls/                the authority that signs certificates
 * seal.key            seals secrets in the store, 0600
 * packet-filter/      rules of the kernel as they are to be, and the keeper
 * ```
 */
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { mkdir, readdir, rename } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { LarderError } from '../errors.ts'
import { isRegion } from '../model/zones.ts'

/** A unix socket's path has at most 107 bytes. */
const longestSocketPath = 107
const socketNameLength = '/run/0123456789ab.sock'.length

export interface Home {
  readonly path: string
  readonly stateFile: string
  /** A journal of the state, and copies of it. */
  readonly copiesFolder: string
  /** Second copies of small files, see `kept.ts`. */
  readonly keptFolder: string
  readonly lockFile: string
  readonly secretsFile: string
  readonly blockFile: string
  readonly serviceFile: string
  readonly logFile: string
  readonly auditFile: string
  /** Calls and logins of those whom nobody knows. */
  readonly rejectedFile: string
  readonly sealKeyFile: string
  readonly nodesFolder: string
  /** Plan, report and log of the process that serves endpoints. */
  readonly endpointsFolder: string
  /** What the process serves that serves endpoints (`host/endpointd/plan.ts`). */
  readonly endpointsPlan: string
  /** Where engines ask about tokens of IAM. */
  readonly loginSocket: string
  /** The authority that signs certificates: ca.crt and ca.key. */
  readonly tlsFolder: string
  nodeFolder(region: string, nodeId: string): string
  socket(region: string, nodeId: string): string
  /** Folders of nodes that are on disk. */
  nodeFolders(): Promise<readonly string[]>
  /** What was moved out of the way: it belonged to nobody, and is for a person to look at. */
  readonly asideFolder: string
  /** Moves a file or folder of the home there, and says where it is now. `now`: milliseconds since 1970. */
  setAside(path: string, now: number): Promise<string>
}

export const homePath = (environment: NodeJS.ProcessEnv): string =>
  resolve(environment['LARDER_HOME'] ?? join(homedir(), '.larder'))

const ownedByUs = (path: string): void => {
  const { uid, mode } = statSync(path)
  const me = process.getuid?.() ?? uid
  if (uid !== me)
    throw new LarderError(
      'machine',
      `expected ${path} to belong to user ${me}, found user ${uid}; name another folder with LARDER_HOME`,
    )
  if ((mode & 0o077) !== 0) chmodSync(path, 0o700)
}

/** What is in every home, and in no other folder. */
const marks: ReadonlySet<string> = new Set(
  'state.db secrets.json seal.key block.json service.json lock.db state-copies kept packet-filter endpoints'.split(' '),
)
const firstFolders = ['nodes', 'run', 'logs'] as const

/** What is left of a home that has lost everything but its nodes: folders of regions. */
const hasNodes = (path: string): boolean => {
  const folder = join(path, 'nodes')
  return (
    lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true &&
    readdirSync(folder, { withFileTypes: true }).some((entry) => entry.isDirectory() && isRegion(entry.name))
  )
}

/** Looks only. False for a folder that is not there, an empty one, and one of something else. */
export const isHome = (path: string): boolean => {
  let names: readonly string[]
  try {
    names = readdirSync(path)
  } catch (error) {
    // Whose it is cannot be seen here; opening it tells.
    return (error as NodeJS.ErrnoException).code === 'EACCES'
  }
  return names.some((name) => marks.has(name)) || firstFolders.every((name) => names.includes(name)) || hasNodes(path)
}

/** The folder of something else would become unreadable for others, and have our folders among its own. */
const refuseForeign = (path: string): void => {
  if (!existsSync(path) || isHome(path)) return
  if (!statSync(path).isDirectory())
    throw new LarderError('usage', `expected a folder for the home of a Larder in ${path}, found a file`)
  const foreign = readdirSync(path).filter((name) => !firstFolders.some((first) => first === name))
  const [first] = foreign
  if (first === undefined) return
  const what = foreign.length === 1 ? first : `${first} and ${foreign.length - 1} more`
  throw new LarderError(
    'usage',
    `expected an empty folder or the home of a Larder in ${path}, found ${what}. Nothing was touched`,
  )
}

const subfolders = async (path: string): Promise<readonly string[]> => {
  const entries = await readdir(path, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name))
}

/** `nodes/us-east-1/a-001` becomes `aside/20261130T101500Z-1-nodes-us-east-1-a-001`; what is there already is never written over. */
const moveAside = async (home: string, found: string, now: number): Promise<string> => {
  const folder = join(home, 'aside')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const when = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const name = relative(home, found).replaceAll('/', '-')
  const taken = new Set(await readdir(folder))
  for (let count = 1; ; count += 1) {
    const target = `${when}-${count}-${name}`
    if (taken.has(target)) continue
    await rename(found, join(folder, target))
    return join(folder, target)
  }
}

/** Makes what is missing. Throws `machine` for a folder of somebody else, `usage` for a path in which engines cannot run. */
export const openHome = (path: string): Home => {
  if (/\p{Cc}/u.test(path))
    throw new LarderError(
      'usage',
      `expected a home path without control characters (it stands in the configuration of engines), found ${JSON.stringify(path)}; name another folder with LARDER_HOME`,
    )
  const most = longestSocketPath - socketNameLength
  if (Buffer.byteLength(path) > most) {
    throw new LarderError(
      'usage',
      `expected a home path of at most ${most} bytes (control sockets stand in it), found ${Buffer.byteLength(path)}: ${path}`,
    )
  }
  refuseForeign(path)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  ownedByUs(path)
  for (const name of firstFolders) mkdirSync(join(path, name), { recursive: true, mode: 0o700 })
  const nodesFolder = join(path, 'nodes')
  return {
    path,
    stateFile: join(path, 'state.db'),
    copiesFolder: join(path, 'state-copies'),
    keptFolder: join(path, 'kept'),
    lockFile: join(path, 'lock.db'),
    secretsFile: join(path, 'secrets.json'),
    blockFile: join(path, 'block.json'),
    serviceFile: join(path, 'service.json'),
    logFile: join(path, 'logs', 'larder.log'),
    auditFile: join(path, 'logs', 'audit.log'),
    rejectedFile: join(path, 'logs', 'rejected.log'),
    sealKeyFile: join(path, 'seal.key'),
    nodesFolder,
    endpointsFolder: join(path, 'endpoints'),
    endpointsPlan: join(path, 'endpoints', 'plan.json'),
    loginSocket: join(path, 'run', 'iam.sock'),
    tlsFolder: join(path, 'tls'),
    nodeFolder: (region, nodeId) => join(nodesFolder, region, nodeId),
    socket: (region, nodeId) =>
      join(path, 'run', `${createHash('sha256').update(`${region}/${nodeId}`).digest('hex').slice(0, 12)}.sock`),
    asideFolder: join(path, 'aside'),
    setAside: (found, now) => moveAside(path, found, now),
    nodeFolders: async () => (await Promise.all((await subfolders(nodesFolder)).map(subfolders))).flat(),
  }
}
