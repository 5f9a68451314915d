/** How a Memcached node is started: it has no configuration file. Pure. */
import { LarderError } from '../../errors.ts'
import { discoveryFile, protocolOf } from '../../model/memcached.ts'
import type { NodeCertificate } from '../../ports/certificates.ts'
import type { NodeFiles, NodePlan, Rendered } from '../../ports/engine.ts'
import { accessFiles, accessNames, saslSettings } from './access.ts'
import { argumentsOf } from './options.ts'

const megabyte = 1024 ** 2

/** Throws `engine-start` where a value cannot stand on a command line: a comma or a control character would be another option. */
const checkValues = (parameters: Readonly<Record<string, string>>): void => {
  for (const [name, value] of Object.entries(parameters)) {
    if (/[\p{Cc},]/u.test(value)) {
      throw new LarderError(
        'engine-start',
        `${name}: expected a value without commas and control characters, found ${JSON.stringify(value)}`,
      )
    }
  }
}

/** Names in the node's folder, in which it runs: a path could hold a comma, which would be another option. */
const tlsFiles = { certificate: 'tls.crt', key: 'tls.key' } as const

const tlsWords: readonly string[] = [
  `ssl_chain_cert=${tlsFiles.certificate}`,
  `ssl_key=${tlsFiles.key}`,
  // TLS 1.2; as a number, which also early versions take.
  'ssl_min_version=2',
  // Of TLS 1.2: keys of their own for each connection, and encryption that notices changes. Those of 1.3 are all such.
  'ssl_ciphers=ECDHE+AESGCM:ECDHE+CHACHA20',
]

export const certificateFiles = (tls: NodeCertificate): NodeFiles => ({
  [tlsFiles.certificate]: tls.certificate,
  [tlsFiles.key]: tls.key,
})

interface LoginParts {
  readonly arguments: readonly string[]
  readonly files: NodeFiles
  readonly environment: Readonly<Record<string, string>>
}

/** Throws `engine-start` where the engine cannot do SASL. */
const loginParts = (plan: NodePlan): LoginParts => {
  const { memcachedLogin: login, secrets, address, parameters } = plan
  if (login === undefined) return { arguments: [], files: {}, environment: {} }
  const files = accessFiles({ ...login, secrets, address, parameters })
  if (protocolOf(parameters) === 'ascii') return { arguments: ['-Y', accessNames.ascii], files, environment: {} }
  const { saslPlugins } = plan.engine
  if (saslPlugins === undefined)
    throw new LarderError(
      'engine-start',
      `expected the SASL plugins plain and sasldb beside ${plan.engine.path}, found none; install them with: npx larder engines install memcached@1.6`,
    )
  return {
    arguments: ['-S'],
    files: { ...files, [accessNames.saslSettings]: saslSettings(plan.folder) },
    environment: { SASL_CONF_PATH: plan.folder, SASL_PATH: saslPlugins },
  }
}

/** Who asks for a token speaks one protocol. */
const spoken = ({ memcachedLogin: login, parameters }: NodePlan): NodePlan['parameters'] =>
  login === undefined ? parameters : { ...parameters, binding_protocol: protocolOf(parameters) }

/** For a node in this folder. The loader says so and goes on where it cannot load the library. */
export const discoveryEnvironment = (module: string, folder: string): Readonly<Record<string, string>> => ({
  LD_PRELOAD: module,
  LARDER_DISCOVERY: `${folder}/${discoveryFile}`,
})

export const render = (plan: NodePlan): Rendered => {
  checkValues(plan.parameters)
  const login = loginParts(plan)
  const tag = `${plan.folder}/memcached.pid`
  const limits = {
    memoryBytes: plan.maxMemoryBytes,
    version: plan.engine.version,
    openFiles: plan.openFiles ?? null,
  }
  return {
    files: { ...login.files, ...(plan.tls === undefined ? {} : certificateFiles(plan.tls)) },
    launch: {
      command: [
        ...plan.engine.command,
        // As root it refuses to start unless it is told whom to run as.
        ...(plan.runAs === null ? [] : ['-u', plan.runAs]),
        ...['-P', tag, '-l', plan.address, '-p', String(plan.port), '-U', '0'],
        ...['-m', String(Math.floor(plan.maxMemoryBytes / megabyte)), '-t', String(Math.max(1, plan.cpus))],
        ...argumentsOf(spoken(plan), limits),
        ...login.arguments,
        ...(plan.tls === undefined ? [] : ['-Z', '-o', tlsWords.join(',')]),
      ],
      environment: {
        ...login.environment,
        ...(plan.discoveryModule === undefined ? {} : discoveryEnvironment(plan.discoveryModule, plan.folder)),
      },
      cwd: plan.folder,
      logFile: `${plan.folder}/engine.log`,
      tag,
    },
  }
}
