/**
 * The `larder` command. Each command is loaded when it is asked for, and what was compiled is kept for the next start:
 * most of a start is reading the sources (0.33 s without, less than 0.1 s with both for `larder help`).
 */
import { enableCompileCache } from 'node:module'
import { parseArgs } from 'node:util'
import { compiledFolder, findSourcesByName } from './cli/compiled.ts'
import { helpText } from './cli/help.ts'
import { endWithReader } from './cli/terminal.ts'
import { checkUsage } from './cli/usage.ts'
import { isOutOfRoom, LarderError } from './errors.ts'
import { larderVersion } from './model/version.ts'

// Everything that this process and its engines write is for their user alone.
process.umask(0o077)
// Where it cannot be kept (a folder that may not be written), the start is only slower.
enableCompileCache(compiledFolder(process.env))
findSourcesByName()

type Command = (args: readonly string[]) => Promise<number>

/** Everything after the name belongs to another program. */
const passThrough: Readonly<Record<string, Command>> = {
  aws: async (args) => (await import('./cli/aws.ts')).aws(args),
  connect: async (args) => (await import('./cli/connect.ts')).connect(args),
}

const options = {
  home: { type: 'string' },
  port: { type: 'string' },
  demo: { type: 'boolean' },
  'stop-on-exit': { type: 'boolean' },
  json: { type: 'boolean' },
  yes: { type: 'boolean' },
  follow: { type: 'boolean', short: 'f' },
  all: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new LarderError('usage', `${error instanceof Error ? error.message : String(error)}\n\n${helpText}`, { cause: error })
  }
}

const printVersion = (): number => {
  process.stdout.write(`${larderVersion}\n`)
  return 0
}

const run = async ([name, ...rest]: readonly string[]): Promise<number> => {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(helpText)
    return 0
  }
  if (name === '--version' || name === '-v') return printVersion()
  const direct = passThrough[name]
  if (direct !== undefined) return direct(rest)
  const { values, positionals } = parse(rest)
  if (values.help === true) {
    process.stdout.write(helpText)
    return 0
  }
  checkUsage(name, positionals, Object.keys(values))
  if (values.home !== undefined) process.env['LARDER_HOME'] = values.home
  switch (name) {
    case 'up': {
      const { up } = await import('./cli/up.ts')
      return up({ port: values.port, demo: values.demo === true, stopOnExit: values['stop-on-exit'] === true })
    }
    case 'version':
      return printVersion()
    case 'down':
      return (await import('./cli/down.ts')).down()
    case 'status':
      return (await import('./cli/status.ts')).status({ json: values.json === true })
    case 'env':
      return (await import('./cli/environment.ts')).environment()
    case 'failover':
      return (await import('./cli/failover.ts')).failover(positionals)
    case 'ca':
      return (await import('./cli/ca.ts')).ca()
    case 'certs':
      return (await import('./cli/certs.ts')).certs(positionals)
    case 'zone':
      return (await import('./cli/zone.ts')).zone(positionals)
    case 'allow':
      return (await import('./cli/allow.ts')).allow(positionals)
    case 'revoke':
      return (await import('./cli/allow.ts')).revoke(positionals)
    case 'recover':
      return (await import('./cli/recover.ts')).recover({ yes: values.yes === true })
    case 'logs':
      return (await import('./cli/logs.ts')).logs(positionals, { follow: values.follow === true, all: values.all === true })
    case 'doctor':
      return (await import('./cli/doctor.ts')).doctor({ json: values.json === true })
    case 'engines':
      return (await import('./cli/engines.ts')).engines(positionals, { json: values.json === true })
    default:
      throw new LarderError('usage', `expected a command, found ${name}\n\n${helpText}`)
  }
}

/** What a person at this machine can mend; anything else that nobody caught is a defect, and shows its place. */
const ofMachine: ReadonlySet<unknown> = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE'])
const isOfMachine = (error: unknown): error is Error =>
  error instanceof Error && 'syscall' in error && 'code' in error && ofMachine.has(error.code)

endWithReader(process.argv[2] === 'up')
try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  if (isOutOfRoom(error) && !(error instanceof LarderError)) {
    process.stderr.write(
      `larder: expected room on the disk, found none: ${error instanceof Error ? error.message : ''}. Make room, and do it again\n`,
    )
    process.exit(1)
  }
  if (isOfMachine(error)) {
    process.stderr.write(`larder: expected a home that can be read and written, found: ${error.message}\n`)
    process.exit(1)
  }
  if (!(error instanceof LarderError)) throw error
  process.stderr.write(`larder: ${error.message}\n`)
  process.exitCode = error.code === 'usage' ? 2 : error.code === 'store-lost' ? 3 : 1
}
