/** What each command takes: a word or an option that means nothing to it is a mistake, and is told before anything is done. */
import { LarderError } from '../errors.ts'

interface Takes {
  /** Words after the name; the command itself says which are missing. */
  readonly words: number
  readonly options: readonly string[]
}

const takes: Readonly<Record<string, Takes>> = {
  up: { words: 0, options: ['port', 'demo', 'stop-on-exit'] },
  version: { words: 0, options: [] },
  down: { words: 0, options: [] },
  status: { words: 0, options: ['json'] },
  env: { words: 0, options: [] },
  failover: { words: 2, options: [] },
  ca: { words: 0, options: [] },
  certs: { words: 1, options: [] },
  zone: { words: 2, options: [] },
  allow: { words: 3, options: [] },
  revoke: { words: 3, options: [] },
  recover: { words: 0, options: ['yes'] },
  logs: { words: 1, options: ['follow', 'all'] },
  doctor: { words: 0, options: ['json'] },
  engines: { words: 2, options: ['json'] },
}

const everywhere: ReadonlySet<string> = new Set(['home', 'help'])

/** Whoever names a group after `larder down` wants that one to end, and not all of them. */
const more: Readonly<Record<string, string>> = {
  down: '; it ends every engine of the home. Nothing was ended. One group is removed with: larder aws elasticache delete-replication-group',
}

/** Throws `usage`. Names that are no command pass. */
export const checkUsage = (name: string, words: readonly string[], options: readonly string[]): void => {
  const command = takes[name]
  if (command === undefined) return
  const extra = words[command.words]
  if (extra !== undefined) {
    const expected =
      command.words === 0
        ? `nothing after larder ${name}`
        : `at most ${command.words} ${command.words === 1 ? 'word' : 'words'} after larder ${name}`
    throw new LarderError('usage', `expected ${expected}, found ${extra}${more[name] ?? ''}`)
  }
  const foreign = options.find((option) => !everywhere.has(option) && !command.options.includes(option))
  if (foreign === undefined) return
  const known = command.options.map((option) => `--${option}`).join(', ') || 'no options'
  throw new LarderError('usage', `expected ${known} for larder ${name}, found --${foreign}`)
}
