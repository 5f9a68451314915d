/** The `larder` command. */
import { parseArgs } from 'node:util'
import { aws } from './cli/aws.ts'
import { connect } from './cli/connect.ts'
import { doctor } from './cli/doctor.ts'
import { down } from './cli/down.ts'
import { engines } from './cli/engines.ts'
import { environment } from './cli/environment.ts'
import { failover } from './cli/failover.ts'
import { helpText } from './cli/help.ts'
import { logs } from './cli/logs.ts'
import { status } from './cli/status.ts'
import { up } from './cli/up.ts'
import { LarderError } from './errors.ts'

type Command = (args: readonly string[]) => Promise<number>

/** Everything after the name belongs to another program. */
const passThrough: Readonly<Record<string, Command>> = { aws, connect }

const options = {
  home: { type: 'string' },
  port: { type: 'string' },
  demo: { type: 'boolean' },
  'stop-on-exit': { type: 'boolean' },
  json: { type: 'boolean' },
  follow: { type: 'boolean', short: 'f' },
  help: { type: 'boolean', short: 'h' },
} as const

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new LarderError('usage', `${error instanceof Error ? error.message : String(error)}\n\n${helpText}`, { cause: error })
  }
}

const run = async ([name, ...rest]: readonly string[]): Promise<number> => {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(helpText)
    return 0
  }
  const direct = passThrough[name]
  if (direct !== undefined) return direct(rest)
  const { values, positionals } = parse(rest)
  if (values.help === true) {
    process.stdout.write(helpText)
    return 0
  }
  if (values.home !== undefined) process.env['LARDER_HOME'] = values.home
  switch (name) {
    case 'up':
      return up({ port: values.port, demo: values.demo === true, stopOnExit: values['stop-on-exit'] === true })
    case 'down':
      return down()
    case 'status':
      return status({ json: values.json === true })
    case 'env':
      return environment()
    case 'failover':
      return failover(positionals)
    case 'logs':
      return logs(positionals, { follow: values.follow === true })
    case 'doctor':
      return doctor({ json: values.json === true })
    case 'engines':
      return engines(positionals, { json: values.json === true })
    default:
      throw new LarderError('usage', `expected a command, found ${name}\n\n${helpText}`)
  }
}

// Everything that this process and its engines write is for their user alone.
process.umask(0o077)

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof LarderError)) throw error
  process.stderr.write(`larder: ${error.message}\n`)
  process.exitCode = error.code === 'usage' ? 2 : 1
}
