/** How a Memcached node is started: it has no configuration file. Pure. */
import { LarderError } from '../../errors.ts'
import type { NodeCertificate } from '../../ports/certificates.ts'
import type { NodePlan, Rendered } from '../../ports/engine.ts'
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

export const certificateFiles = (tls: NodeCertificate): Readonly<Record<string, string>> => ({
  [tlsFiles.certificate]: tls.certificate,
  [tlsFiles.key]: tls.key,
})

export const render = (plan: NodePlan): Rendered => {
  checkValues(plan.parameters)
  const tag = `${plan.folder}/memcached.pid`
  const limits = {
    memoryBytes: plan.maxMemoryBytes,
    version: plan.engine.version,
    openFiles: plan.openFiles ?? null,
  }
  return {
    files: plan.tls === undefined ? {} : certificateFiles(plan.tls),
    launch: {
      command: [
        ...plan.engine.command,
        // As root it refuses to start unless it is told whom to run as.
        ...(plan.runAs === null ? [] : ['-u', plan.runAs]),
        ...['-P', tag, '-l', plan.address, '-p', String(plan.port), '-U', '0'],
        ...['-m', String(Math.floor(plan.maxMemoryBytes / megabyte)), '-t', String(Math.max(1, plan.cpus))],
        ...argumentsOf(plan.parameters, limits),
        ...(plan.tls === undefined ? [] : ['-Z', '-o', tlsWords.join(',')]),
      ],
      environment: {},
      cwd: plan.folder,
      logFile: `${plan.folder}/engine.log`,
      tag,
    },
  }
}
