/**
 * The configuration of a Valkey or Redis OSS node, and how it is started. Pure.
 *
 * The engines show to whoever is logged in what they are called, what their configuration file and sockets are called (INFO, CLIENT LIST)
 * and with what words their modules were loaded (HELLO). All of these are names that say nothing of the machine: descriptors that are open
 * from the start, and paths from the node's folder, in which they run.
 */
import { basename, relative } from 'node:path/posix'
import { LarderError } from '../../errors.ts'
import { busPort } from '../../model/cluster.ts'
import { engineCapabilities } from '../../model/engine-versions.ts'
import { innerPorts, type TransitMode } from '../../model/transit.ts'
import type { NodeCertificate } from '../../ports/certificates.ts'
import type { NodePlan, Rendered } from '../../ports/engine.ts'
import { replicationUser, userLines } from './acl.ts'
import { renderClusterFile, renderRejoin } from './cluster-file.ts'
import { isSince, threadsReadWhenTold } from './features.ts'
import { startDirectives } from './parameters.ts'

const configFile = 'node.conf'
const clusterFile = 'nodes.conf'
/** As the process sees the files that are open in it from the start: clients are told names, and must not learn where things are. */
const openedName = (index: number): string => `/proc/self/fd/${3 + index}`
/** What Linux holds in `sun_path`, with room for the terminating zero. */
const longestSocketPath = 100

/** A word of the configuration file. It can hold no line break: what follows would be a directive of its own. */
const quote = (value: string): string => {
  if (/\p{Cc}/u.test(value)) {
    throw new LarderError('engine-start', `expected a value without control characters, found ${JSON.stringify(value)}`)
  }
  return /^[A-Za-z0-9_./:@%*&+~|-]+$/.test(value) ? value : `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

const line = (name: string, ...words: readonly string[]): string => [name, ...words.map(quote)].join(' ')

const clusterLines = (plan: NodePlan): readonly string[] => {
  if (plan.kind !== 'cme') return []
  const bus = String(busPort(plan.port))
  return [
    'cluster-enabled yes',
    line('cluster-config-file', clusterFile),
    // Long enough for a busy primary: engines cannot tell busy from dead. Larder sees a death at once and needs no timeout.
    'cluster-node-timeout 15000',
    line('cluster-port', bus),
    line('cluster-announce-ip', plan.address),
    line('cluster-announce-bus-port', bus),
    // With three shards the engines can elect a replica themselves, also while Larder is down. With fewer they have no majority.
    line('cluster-replica-no-failover', plan.election === true ? 'no' : 'yes'),
    'cluster-allow-replica-migration no',
    ...(engineCapabilities(plan.engine.engine, plan.engine.version).survivesFullDisk
      ? ['cluster-config-save-behavior best-effort']
      : []),
  ]
}

/** Where a node's certificate stands in its folder. */
const tlsFiles = { certificate: 'tls.crt', key: 'tls.key', authority: 'ca.crt' } as const

/** Words of the configuration that say which port speaks what. They can be changed while the engine runs. */
export const transitWords = (
  mode: TransitMode | 'none',
  port: number,
  clusterMode: boolean,
): readonly (readonly [name: string, value: string])[] => {
  const inner = innerPorts(port)
  const [plain, tls] = { none: [port, 0], preferred: [inner.plain, inner.tls], required: [0, port] }[mode]
  const inside = mode === 'required' ? 'yes' : 'no'
  return [
    ['port', String(plain)],
    ['tls-port', String(tls)],
    ['tls-replication', inside],
    ['tls-cluster', inside],
    ...(clusterMode
      ? ([
          ['cluster-announce-port', String(mode === 'required' ? 0 : port)],
          ['cluster-announce-tls-port', String(mode === 'none' ? 0 : port)],
        ] as const)
      : []),
  ]
}

/** Where the certificate is, and what is asked of those who connect. */
export const tlsWords = (folder: string): readonly (readonly [name: string, value: string])[] => [
  ['tls-cert-file', `${folder}/${tlsFiles.certificate}`],
  ['tls-key-file', `${folder}/${tlsFiles.key}`],
  ['tls-ca-cert-file', `${folder}/${tlsFiles.authority}`],
  ['tls-protocols', 'TLSv1.2 TLSv1.3'],
  // Of TLS 1.2: keys of their own for each connection, and encryption that notices changes. Those of 1.3 are all such.
  ['tls-ciphers', 'ECDHE+AESGCM:ECDHE+CHACHA20'],
  // As on AWS clients show no certificate.
  ['tls-auth-clients', 'no'],
]

const portLines = (plan: NodePlan): readonly string[] =>
  [
    ...(plan.tls === undefined ? [] : tlsWords(plan.folder)),
    ...transitWords(plan.tls === undefined ? 'none' : (plan.transit ?? 'required'), plan.port, plan.kind === 'cme'),
  ].map(([name, value]) => line(name, value))

/** The files of a certificate, by name in the node's folder. */
export const certificateFiles = (tls: NodeCertificate): Readonly<Record<string, string>> => ({
  [tlsFiles.certificate]: tls.certificate,
  [tlsFiles.key]: tls.key,
  [tlsFiles.authority]: tls.authority,
})

const capabilityLines = (plan: NodePlan): readonly string[] => {
  const can = engineCapabilities(plan.engine.engine, plan.engine.version)
  return [
    // The tag comes first: a title longer than the original command line is cut off at its end.
    ...(can.processTitle && !/[{}]/.test(plan.folder)
      ? [line('proc-title-template', `{title} ${plan.folder}/${configFile} {listen-addr} {server-mode}`)]
      : ['set-proc-title no']),
    ...(can.availabilityZone ? [line('availability-zone', plan.zone)] : []),
    // Valkey 9.1 takes the dump of a full sync by two channels for the base of its append-only file, without what arrived meanwhile.
    ...(can.dualChannelReplication && plan.parameters['appendonly'] !== 'yes' ? ['dual-channel-replication-enabled yes'] : []),
    ...(plan.ioThreads > 1 ? [line('io-threads', String(plan.ioThreads))] : []),
    ...(plan.ioThreads > 1 && isSince(threadsReadWhenTold, plan.engine) ? ['io-threads-do-reads yes'] : []),
  ]
}

const replicationLines = (plan: NodePlan): readonly string[] => [
  line('bind-source-addr', plan.address),
  line('replica-announce-ip', plan.address),
  line('replica-announce-port', String(plan.port)),
  'repl-diskless-sync yes',
  'repl-diskless-sync-delay 0',
  // An empty node has nothing to lose: straight into memory. By way of a file, Valkey 9.1 looks for its end once in a second.
  'repl-diskless-load on-empty-db',
  // A copy that came by replication is no backup: after a crash it would bring back old values.
  'rdb-del-sync-files yes',
  line('masteruser', replicationUser),
  line('masterauth', plan.secrets.replication),
  ...(plan.replicaOf === null || plan.kind === 'cme'
    ? []
    : [line('replicaof', plan.replicaOf.address, String(plan.replicaOf.port))]),
]

/** The module goes into every engine that can have it, because none can take it while it runs: `enable-module-command no`. */
const loginLines = ({ logins, folder }: NodePlan, name: string): readonly string[] => {
  if (logins === undefined) return []
  const socket = relative(folder, logins.socket)
  return [line('loadmodule', name, socket, logins.scope, String(logins.seconds), String(logins.waitMs))]
}

/** Beside the engine's own socket: shorter, so that it fits wherever that one does. */
export const controlSocket = (socket: string): string => `${socket.replace(/\.sock$/, '')}.in`

/** The user's own modules are loaded from where they are: one may look for what it needs beside itself. */
const userModuleLines = ({ engine }: NodePlan): readonly string[] =>
  (engine.modules ?? []).map((file) => line('loadmodule', file))

const controlLines = ({ engine, folder, socket }: NodePlan, name: string): readonly string[] =>
  engine.controlModule === undefined ? [] : [line('loadmodule', name, relative(folder, controlSocket(socket)))]

/** Larder's own modules, in the order in which they are open after the configuration. */
const ownModules = ({ logins, engine }: NodePlan): readonly string[] => [
  ...(logins === undefined ? [] : [logins.module]),
  ...(engine.controlModule === undefined ? [] : [engine.controlModule]),
]

const configurationOf = (plan: NodePlan): string => {
  const parameters = startDirectives(plan.parameters, plan.kind === 'cme')
  const lines = [
    line('bind', plan.address, ...plan.floating),
    ...portLines(plan),
    line('unixsocket', relative(plan.folder, plan.socket)),
    'unixsocketperm 700',
    'dbfilename dump.rdb',
    'save ""',
    'daemonize no',
    // Opened anew for each line, so that it can be set aside while the engine runs.
    'logfile engine.log',
    'always-show-logo no',
    'protected-mode no',
    'enable-debug-command no',
    'enable-module-command no',
    'enable-protected-configs no',
    // What a client gives to RESTORE is looked at in depth: the engines before Valkey 9.1 end when they later read a broken value.
    'sanitize-dump-payload clients',
    'tcp-backlog 511',
    'shutdown-timeout 5',
    ...replicationLines(plan),
    ...clusterLines(plan),
    ...capabilityLines(plan),
    ...loginLines(plan, openedName(1)),
    ...userModuleLines(plan),
    ...controlLines(plan, openedName(ownModules(plan).length)),
    ...Object.entries(parameters).map(([name, words]) => line(name, ...words)),
    line('maxmemory', String(plan.maxMemoryBytes)),
    ...userLines(plan.secrets, plan.engine, plan.kind === 'cme', plan.access).map(([name = '', ...words]) =>
      line(name, ...words),
    ),
  ]
  return `${lines.join('\n')}\n`
}

/** An engine that Larder has installed is started by its own loader, which says what the program is called. */
const namedCommand = ({ engine }: NodePlan): Pick<Rendered['launch'], 'command' | 'name'> => {
  const [first = '', ...rest] = engine.command
  const name = `/${basename(engine.command.at(-1) ?? '')}`
  return rest.length === 0 ? { command: [first], name } : { command: [first, '--argv0', name, ...rest] }
}

/** Throws `engine-start` where a value can stand in no configuration file, or the socket's path is too long. */
export const render = (plan: NodePlan): Rendered => {
  if (Buffer.byteLength(plan.socket) > longestSocketPath) {
    throw new LarderError('engine-start', `expected a socket path of at most ${longestSocketPath} bytes, found ${plan.socket}`)
  }
  const { command, ...named } = namedCommand(plan)
  // The folder is on the command line for the process to be recognised by.
  const tag = `${plan.folder}/`
  return {
    files: {
      [configFile]: configurationOf(plan),
      ...(plan.tls === undefined ? {} : certificateFiles(plan.tls)),
      ...(plan.cluster === undefined ? {} : { [clusterFile]: renderClusterFile(plan.cluster, plan.engine) }),
      ...(plan.rejoin === undefined ? {} : { [clusterFile]: renderRejoin(plan.rejoin) }),
    },
    launch: {
      command: [...command, openedName(0), '--dir', tag],
      ...named,
      opened: [`${plan.folder}/${configFile}`, ...ownModules(plan)],
      environment: {},
      cwd: plan.folder,
      logFile: `${plan.folder}/engine.out`,
      freshLog: true,
      tag,
    },
  }
}
