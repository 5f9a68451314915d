/** The command line of `npm run chaos`, and what its end says. */
import { parseArgs } from 'node:util'
import { runChaos } from './chaos.ts'
import { faults } from './faults.ts'
import { messageOf } from './messages.ts'
import { roomDisk, runInRoom } from './own-room.ts'

/** What the command ends with. */
const exitCodes = { well: 0, violated: 1, usage: 2, failed: 3, ended: 130 } as const

const names = faults.map((fault) => fault.name)

const namesIn = (text: string | undefined): readonly string[] => {
  const found = text?.split(',') ?? []
  const strange = found.filter((name) => !names.includes(name))
  if (strange.length > 0) throw new TypeError(`expected faults of ${names.join(', ')}, found ${strange.join(', ')}`)
  return found
}

interface Command {
  readonly minutes: number
  readonly seed: number
  readonly allowed: readonly string[]
}

/** Throws where it is not one. */
const parseCommand = (args: readonly string[], now: number): Command => {
  const { values } = parseArgs({
    args: [...args],
    options: { minutes: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' }, without: { type: 'string' } },
  })
  const minutes = Number(values.minutes ?? 1)
  const seed = Number(values.seed ?? now % 1_000_000)
  if (!(minutes > 0 && minutes <= 24 * 60))
    throw new TypeError(`expected --minutes to be more than 0 and at most a day, found ${values.minutes}`)
  if (!Number.isInteger(seed) || seed < 0) throw new TypeError(`expected --seed to be a whole number, found ${values.seed}`)
  const only = values.only === undefined ? names : namesIn(values.only)
  const without = namesIn(values.without)
  const allowed = only.filter((name) => !without.includes(name))
  if (allowed.length === 0) throw new TypeError('expected --only and --without to leave a fault, found none')
  return { minutes, seed, allowed }
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const complain = (error: unknown): void => void process.stderr.write(`chaos: ${messageOf(error)}\n`)

const carryOut = async (command: Command): Promise<number> => {
  const ending = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => ending.abort(new Error(`ended by ${name}`)))
  // Nobody reads any more: there is nobody to tell.
  process.stdout.on('error', (error) => ending.abort(error))
  let internal: unknown = null
  for (const name of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(name, (error: unknown) => {
      // What is taken away may complain about it.
      if (!ending.signal.aborted) internal = error
      ending.abort(error)
    })
  const disk = roomDisk()
  try {
    const { figures, violations } = await runChaos({ ...command, ...(disk === null ? {} : { disk }), say, signal: ending.signal })
    say(JSON.stringify({ chaos: figures }))
    if (violations.length > 0) return exitCodes.violated
  } catch (error) {
    if (internal === null && !ending.signal.aborted) {
      complain(error)
      return exitCodes.failed
    }
  }
  if (internal !== null) {
    complain(internal)
    return exitCodes.failed
  }
  return ending.signal.aborted ? exitCodes.ended : exitCodes.well
}

/** Resolves with the exit code. Never rejects. */
export const main = async (program: string, args: readonly string[]): Promise<number> => {
  let command: Command
  try {
    command = parseCommand(args, Date.now())
  } catch (error) {
    complain(error)
    return exitCodes.usage
  }
  const wantsDisk = faults.some((fault) => fault.needs === 'disk' && command.allowed.includes(fault.name))
  try {
    const code = wantsDisk && roomDisk() === null ? await runInRoom([process.execPath, program, ...args]) : null
    return code ?? (await carryOut(command))
  } catch (error) {
    complain(error)
    return exitCodes.failed
  }
}
