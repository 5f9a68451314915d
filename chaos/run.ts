/** `npm run chaos -- [--minutes N] [--seed S] [--only FAULT,…] [--without FAULT,…]`: lines for people, then one line with a JSON object. */
import { parseArgs } from 'node:util'
import { runChaos } from './chaos.ts'
import { faults } from './faults.ts'

const names = faults.map((fault) => fault.name)

const namesIn = (text: string | undefined): readonly string[] => {
  const found = text?.split(',') ?? []
  const strange = found.filter((name) => !names.includes(name))
  if (strange.length > 0) throw new TypeError(`expected faults of ${names.join(', ')}, found ${strange.join(', ')}`)
  return found
}

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: { minutes: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' }, without: { type: 'string' } },
  })
  const minutes = Number(values.minutes ?? 1)
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  if (!(minutes > 0 && minutes <= 24 * 60))
    throw new TypeError(`expected --minutes to be more than 0 and at most a day, found ${values.minutes}`)
  if (!Number.isInteger(seed) || seed < 0) throw new TypeError(`expected --seed to be a whole number, found ${values.seed}`)
  const only = values.only === undefined ? names : namesIn(values.only)
  const without = namesIn(values.without)
  const ending = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => ending.abort(new Error(`ended by ${name}`)))
  const { figures, violations } = await runChaos({
    minutes,
    seed,
    allowed: only.filter((name) => !without.includes(name)),
    say: (line) => process.stdout.write(`${line}\n`),
    signal: ending.signal,
  })
  process.stdout.write(`${JSON.stringify({ chaos: figures })}\n`)
  if (violations.length > 0) return 1
  return ending.signal.aborted ? 130 : 0
}

process.exitCode = await main()
